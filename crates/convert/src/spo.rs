//! `SeccompProfile` of the Kubernetes Security Profiles Operator.

use callgate_dialects::spo;
use callgate_formats::{Exported, Options, Profile};
use callgate_policy::{Action, ActionKind, Policy};
use callgate_raise::{Raised, Test};
use callgate_rules::Source;
use callgate_syscalls::{Arch, KernelVersion, Name};
use serde_json::Value;

use crate::lines;
use crate::printer::Printer;

/// The resource, in the version that every release of the operator serves.
pub(crate) struct Spo;

/// The only errno that the operator gives the default: its resource has no field for another.
const EPERM: u16 = 1;

impl Printer for Spo {
    /// Values are signed numbers to a cluster, and not negative.
    fn says(&self, arch: Arch, _name: Option<Name>, test: &Test) -> bool {
        let is_positive = |value: u64| i64::try_from(value).is_ok();
        let is_whole = test.mask == Test::full_mask(arch);
        Exported::says(arch, test)
            && is_positive(test.value)
            && (is_whole || is_positive(test.mask))
    }

    fn repeats(&self) -> bool {
        false
    }

    /// The operator leaves out an `errnoRet` of 0, and runtimes then answer EPERM.
    fn has_action(&self, action: Action) -> bool {
        let has_data = matches!(action.kind(), ActionKind::Errno | ActionKind::Trace);
        Exported::has_action(action) && (!has_data || action.data() != 0)
    }

    fn has_default(&self, action: Action) -> bool {
        let has_data = matches!(action.kind(), ActionKind::Errno | ActionKind::Trace);
        Exported::has_action(action) && (!has_data || action.data() == EPERM)
    }

    fn print(&self, raised: &Raised, meant: &Policy) -> Result<String, String> {
        let exported = Exported::of(raised, meant).map_err(lines::inexpressible)?;
        let spec = serde_json::to_value(&exported.seccomp).map_err(|error| error.to_string())?;
        if spec["defaultErrnoRet"].as_u64().is_some_and(|errno| errno != u64::from(EPERM)) {
            let errno = &spec["defaultErrnoRet"];
            return Err(format!(
                "the resource has no field for the default's errno, which is {errno} and would become {EPERM}"
            ));
        }
        let mut text = HEAD.to_owned();
        text += &format!("  defaultAction: {}\n", word(&spec["defaultAction"]));
        text += &list(&spec["architectures"], "architectures", "  ");
        text += "  syscalls:\n";
        for rule in spec["syscalls"].as_array().into_iter().flatten() {
            text += &entry(rule)?;
        }
        Ok(text)
    }

    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String> {
        let source = Source::new("profile.yaml", text).map_err(|error| error.to_string())?;
        let document =
            spo::profile(&source, &mut no_base).map_err(|refused| refused.to_string())?;
        let options = Options::new(lines::native(meant), KernelVersion::new(u8::MAX, u8::MAX));
        let resolved = Profile::of_document(document).and_then(|profile| profile.resolve(&options));
        resolved.map(|resolved| resolved.policy).map_err(|error| error.to_string())
    }
}

const HEAD: &str = "\
apiVersion: security-profiles-operator.x-k8s.io/v1beta1
kind: SeccompProfile
metadata:
  name: callgate
spec:
";

/// A rule, in the order in which people write its fields.
fn entry(rule: &Value) -> Result<String, String> {
    let mut text = format!("  - action: {}\n", word(&rule["action"]));
    match rule["errnoRet"].as_u64() {
        Some(0) => {
            let name = word(&rule["names"][0]);
            return Err(format!(
                "the rule of {name} answers with 0, which the operator leaves out, so that 1 would be answered"
            ));
        }
        Some(errno) => text += &format!("    errnoRet: {errno}\n"),
        None => {}
    }
    text += &list(&rule["names"], "names", "    ");
    let args = rule["args"].as_array().map(Vec::as_slice).unwrap_or_default();
    text += if args.is_empty() { "" } else { "    args:\n" };
    for arg in args {
        let value = |field: &str| arg[field].as_u64().unwrap_or_default();
        let (op, first) = within_a_cluster(word(&arg["op"]), value("value"));
        text += &format!("    - index: {}\n      op: {op}\n", arg["index"]);
        for (field, value) in [("value", first), ("valueTwo", value("valueTwo"))] {
            if i64::try_from(value).is_err() {
                return Err(format!("{value} is more than a cluster takes as a value"));
            }
            text += &format!("      {field}: {value}\n");
        }
    }
    Ok(text)
}

/// The same comparison with a value that fits, as the ends of signed numbers have one.
fn within_a_cluster(op: &str, value: u64) -> (&str, u64) {
    const MAX: u64 = i64::MAX as u64;
    match (op, value.checked_sub(1)) {
        ("SCMP_CMP_GE", Some(MAX)) => ("SCMP_CMP_GT", MAX),
        ("SCMP_CMP_LT", Some(MAX)) => ("SCMP_CMP_LE", MAX),
        _ => (op, value),
    }
}

/// A list of words, a line each.
fn list(words: &Value, key: &str, indent: &str) -> String {
    let lines = words.as_array().into_iter().flatten();
    let lines: String = lines.map(|one| format!("{indent}- {}\n", word(one))).collect();
    if lines.is_empty() { lines } else { format!("{indent}{key}:\n{lines}") }
}

/// Actions, architectures, operators and names of syscalls need no quotes in YAML.
fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Nothing that is written builds on another profile.
fn no_base(name: &str) -> Result<Source, String> {
    Err(format!("the profile builds on {name}"))
}
