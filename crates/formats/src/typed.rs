//! From the values of a file to the types of the formats, field by field.

use crate::WarningKind;
use crate::docker::{ArchMapEntry, Filter, Seccomp, Syscall};
use crate::json::{Fault, Node, Object};
use crate::oci::Arg;
use crate::read::{Form, Unknown};
use crate::scalar::{
    ActionName, ArchName, ArgIndex, DockerArch, Flag, MinKernel, OperatorName, WidthName,
};
use crate::spelled::Spelled;
use callgate_rules::Capability;

/// Reads a profile. Fields that only Docker's form has are unknown in the others.
pub(crate) fn seccomp<'d>(
    node: Node<'d>,
    form: Form,
    unknown: &mut Unknown<'d>,
) -> Result<Seccomp, Fault> {
    let mut object = node.object("a seccomp profile object")?.in_any_case();
    let mut seccomp = Seccomp {
        default_action: ActionName::read(object.require("defaultAction")?)?,
        default_errno_ret: number(&mut object, "defaultErrnoRet", "an errno", unknown)?,
        default_errno: None,
        architectures: arches(&mut object, "architectures", unknown)?,
        arch_map: Vec::new(),
        flags: list(&mut object, "flags", "the flags", Flag::read)?,
        listener_path: text(&mut object, "listenerPath", "a path")?,
        listener_metadata: text(&mut object, "listenerMetadata", "data for the listener")?,
        syscalls: list(&mut object, "syscalls", "the rules", |rule| syscall(rule, form, unknown))?,
    };
    if form == Form::Docker {
        seccomp.default_errno = text(&mut object, "defaultErrno", "an errno")?;
        let map = |entry| arch_map_entry(entry, unknown);
        seccomp.arch_map = list(&mut object, "archMap", "the architectures by machine", map)?;
    }
    unknown.note(&object, SECCOMP)?;
    Ok(seccomp)
}

const SECCOMP: &[&str] = &[
    "defaultAction",
    "defaultErrnoRet",
    "defaultErrno",
    "architectures",
    "archMap",
    "flags",
    "listenerPath",
    "listenerMetadata",
    "syscalls",
];

fn arch_map_entry<'d>(node: Node<'d>, unknown: &mut Unknown<'d>) -> Result<ArchMapEntry, Fault> {
    let mut object = node.object("an archMap entry object")?.in_any_case();
    let entry = ArchMapEntry {
        architecture: arch(object.require("architecture")?, unknown)?,
        sub_architectures: arches(&mut object, "subArchitectures", unknown)?,
    };
    unknown.note(&object, &["architecture", "subArchitectures"])?;
    Ok(entry)
}

fn syscall<'d>(node: Node<'d>, form: Form, unknown: &mut Unknown<'d>) -> Result<Syscall, Fault> {
    let mut object = node.object("a rule object")?.in_any_case();
    let docker = form == Form::Docker;
    let names = match object.take_value("names") {
        Some(names) => {
            let mut list = Vec::with_capacity(names.count());
            for node in names.array("the names of syscalls")? {
                list.push(name(node)?);
            }
            Some(list)
        }
        None if docker => None,
        None => return Err(object.missing("names")),
    };
    let mut rule = Syscall {
        name: String::new(),
        names,
        action: ActionName::read(object.require("action")?)?,
        errno_ret: number(&mut object, "errnoRet", "an errno", unknown)?,
        errno: None,
        args: list(&mut object, "args", "the conditions", |arg| noted_arg(arg, unknown))?,
        comment: String::new(),
        includes: Filter::default(),
        excludes: Filter::default(),
    };
    if docker {
        rule.name = text(&mut object, "name", "the name of a syscall")?.unwrap_or_default();
        rule.errno = text(&mut object, "errno", "an errno")?;
        rule.comment = text(&mut object, "comment", "a remark")?.unwrap_or_default();
        rule.includes = filter(&mut object, "includes", unknown)?;
        rule.excludes = filter(&mut object, "excludes", unknown)?;
    }
    unknown.note(&object, SYSCALL)?;
    Ok(rule)
}

const SYSCALL: &[&str] =
    &["name", "names", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes"];

fn name(node: Node<'_>) -> Result<String, Fault> {
    Ok(node.text("the name of a syscall")?.into_owned())
}

fn filter<'d>(
    object: &mut Object<'d>,
    key: &str,
    unknown: &mut Unknown<'d>,
) -> Result<Filter, Fault> {
    let Some(node) = object.take_value(key) else { return Ok(Filter::default()) };
    let mut object = node.object("an object of caps, arches and minKernel")?.in_any_case();
    let filter = Filter {
        caps: list(&mut object, "caps", "the capabilities", Spelled::<Capability>::read)?,
        arches: list(&mut object, "arches", "the architectures", Spelled::<DockerArch>::read)?,
        min_kernel: object.take_value("minKernel").map(MinKernel::read).transpose()?,
    };
    unknown.note(&object, &["caps", "arches", "minKernel"])?;
    Ok(filter)
}

fn noted_arg<'d>(node: Node<'d>, unknown: &mut Unknown<'d>) -> Result<Arg, Fault> {
    let mut object = node.object("an argument condition object")?.in_any_case();
    let arg = arg(&mut object, unknown)?;
    unknown.note(&object, ARG)?;
    Ok(arg)
}

/// Takes the fields of a condition on an argument.
pub(crate) fn arg<'d>(object: &mut Object<'d>, unknown: &mut Unknown<'d>) -> Result<Arg, Fault> {
    let value_two = number(object, "valueTwo", "the second value", unknown)?;
    let op = object.require("op")?;
    let arg = Arg {
        index: ArgIndex::read(object.require("index")?)?,
        value: whole(object.require("value")?, "the value", unknown)?,
        value_two: value_two.unwrap_or_default(),
        op: OperatorName::read(op)?,
        width: object.take_value("width").map(WidthName::read).transpose()?,
    };
    if arg.op == OperatorName::MaskedEq && value_two.is_none() {
        unknown.remark(op, WarningKind::ValueTwoMissing);
    }
    Ok(arg)
}

/// The fields of a condition on an argument.
pub(crate) const ARG: &[&str] = &["index", "value", "valueTwo", "op", "width"];

/// A list that may be missing or `null`, as Go's decoder has it for every type.
fn list<'d, T>(
    object: &mut Object<'d>,
    key: &str,
    expected: &str,
    read: impl FnMut(Node<'d>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    match object.take_value(key) {
        Some(node) => node.array(expected)?.map(read).collect(),
        None => Ok(Vec::new()),
    }
}

fn arches<'d>(
    object: &mut Object<'d>,
    key: &str,
    unknown: &mut Unknown<'d>,
) -> Result<Vec<ArchName>, Fault> {
    list(object, key, "the architectures", |node| arch(node, unknown))
}

fn arch<'d>(node: Node<'d>, unknown: &mut Unknown<'d>) -> Result<ArchName, Fault> {
    let (name, is_other) = ArchName::read(node)?;
    if is_other {
        unknown.remark(node, WarningKind::ArchSpelling { arch: name.0 });
    }
    Ok(name)
}

fn number<'d>(
    object: &mut Object<'d>,
    key: &str,
    expected: &str,
    unknown: &mut Unknown<'d>,
) -> Result<Option<u64>, Fault> {
    object.take_value(key).map(|node| whole(node, expected, unknown)).transpose()
}

/// A number, also as a text: JSON has no hexadecimal numbers, and people put them into quotes.
fn whole<'d>(node: Node<'d>, expected: &str, unknown: &mut Unknown<'d>) -> Result<u64, Fault> {
    let Some(text) = node.as_text() else { return node.u64(expected) };
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let has_sign = digits.unwrap_or(&text).starts_with(['+', '-']);
    let value = match digits {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok().filter(|_| text == "0" || !text.starts_with('0')),
    };
    match value.filter(|_| !has_sign) {
        Some(value) => {
            unknown.remark(node, WarningKind::NumberAsText { value });
            Ok(value)
        }
        None => node.u64(expected),
    }
}

fn text(object: &mut Object<'_>, key: &str, expected: &str) -> Result<Option<String>, Fault> {
    let node = object.take_value(key);
    node.map(|node| node.text(expected).map(std::borrow::Cow::into_owned)).transpose()
}
