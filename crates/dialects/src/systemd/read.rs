//! Reads units with their drop-ins.

use callgate_rules::{Answer, Rules, SourceId, Verdict, nearest};
use callgate_syscalls::Arch;

use super::calls::{Calls, answer};
use super::filters::{self, Families, Namespaces, Switch};
use super::unit::{Assignment, assignments, boolean};
use crate::context::{self, Context, code};
use crate::piece::Piece;
use crate::{Exactness, Layer, LayerArches, Order, Part, Refused, Written};

/// The directives that load filters or change them.
const DIRECTIVES: [&str; 19] = [
    "SystemCallFilter",
    "SystemCallErrorNumber",
    "SystemCallLog",
    "SystemCallArchitectures",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "MemoryDenyWriteExecute",
    "LockPersonality",
    "Personality",
    "ProtectKernelTunables",
    "ProtectKernelModules",
    "ProtectKernelLogs",
    "ProtectClock",
    "ProtectHostname",
    "PrivateDevices",
    "DynamicUser",
    "NoNewPrivileges",
];

/// What the files of a unit say about filters.
#[derive(Default)]
struct Unit {
    calls: Calls,
    log: Calls,
    refusal: Option<Answer>,
    arches: Option<Answer>,
    also: Vec<Arch>,
    families: Families,
    namespaces: Namespaces,
    personality: u64,
    /// The switches that are on, each with the line that says so.
    switches: Vec<(Switch, Answer)>,
}

/// Reads a unit: its file, and its drop-ins behind it.
///
/// # Errors
/// What is wrong with it, and where it asks for no filter.
pub(crate) fn read(mut context: Context<'_>) -> Result<Written, Refused> {
    let texts: Vec<(String, SourceId)> =
        context.sources.iter().map(|s| (s.text().to_owned(), s.id())).collect();
    let mut unit = Unit::default();
    for (text, source) in &texts {
        for assignment in assignments(text, *source, &mut context) {
            unit.assign(&assignment, &mut context);
        }
    }
    let layers = unit.layers(context.options.systemd);
    if layers.is_empty() && !context.has_errors() {
        let message = "the unit has no directive that loads a filter, such as SystemCallFilter=";
        let (text, source) = &texts[0];
        context.error(code::MEANING, Piece::whole(text, *source).part(0..0), message);
    }
    context.finish(vec![Part { name: String::new(), layers }])
}

impl Unit {
    fn assign(&mut self, line: &Assignment<'_>, context: &mut Context<'_>) {
        match line.key.text {
            "SystemCallFilter" => self.calls.add(line, Some("@default"), context),
            "SystemCallLog" => self.log.add(line, None, context),
            "SystemCallErrorNumber" => {
                let value = line.first();
                match (value.text, answer(value.text)) {
                    ("", _) => self.refusal = None,
                    (_, Some(verdict)) => self.refusal = Some(context::answer(verdict, value)),
                    _ => context.error(code::UNKNOWN, value, "expected an errno or kill"),
                }
            }
            "SystemCallArchitectures" => self.architectures(line, context),
            "RestrictAddressFamilies" => self.families.add(line, context),
            "RestrictNamespaces" => self.namespaces.add(line, context),
            "Personality" => {
                // The values of 32-bit personalities; all others are the machine's own.
                let is_32_bits = ["x86", "s390", "ppc", "arm"].contains(&line.first().text);
                self.personality = if is_32_bits { 8 } else { 0 };
            }
            key => match Switch::parse(key) {
                Some(switch) => self.switch(switch, line.first(), context),
                None => hint(line.key, context),
            },
        }
    }

    fn switch(&mut self, switch: Switch, value: Piece<'_>, context: &mut Context<'_>) {
        match boolean(value.text) {
            Some(is_on) => {
                self.switches.retain(|(other, _)| *other != switch);
                if is_on {
                    self.switches.push((switch, context::answer(Verdict::Allow, value)));
                }
            }
            None => context.error(code::SYNTAX, value, "expected yes or no"),
        }
    }

    fn architectures(&mut self, line: &Assignment<'_>, context: &mut Context<'_>) {
        let (_, words) = line.words(context);
        if words.is_empty() {
            (self.arches, self.also) = (None, Vec::new());
            return;
        }
        self.arches = Some(context::answer(Verdict::Allow, line.first()));
        for word in words.into_iter().filter(|word| word.text != "native") {
            match Arch::from_word(word.text) {
                // libseccomp cannot tell x32 without x86_64.
                Some(Arch::X32) => self.also.extend([Arch::X32, Arch::X86_64]),
                Some(arch) => self.also.push(arch),
                None => {
                    let message =
                        format!("unknown architecture {:?}", context::shortened(word.text));
                    context.error(code::UNKNOWN, word, message);
                }
            }
        }
    }

    /// The filters in the order in which systemd loads them.
    fn layers(&self, sets: &'static str) -> Vec<Layer> {
        let mut layers = Vec::new();
        layers.extend(self.families.filter().map(by_libseccomp));
        for switch in Switch::BEFORE_NAMESPACES {
            layers.extend(self.on(switch, sets).map(by_libseccomp));
        }
        layers.extend(self.namespaces.filter().map(by_libseccomp));
        for switch in Switch::BEHIND_NAMESPACES {
            layers.extend(self.on(switch, sets).map(by_libseccomp));
        }
        if let Some(origin) = self.arches {
            let rules = context::rules(origin, Verdict::KillThread, Vec::new());
            let arches = LayerArches::NativeAnd(self.also.clone());
            layers.push(Layer { arches, ..Layer::new(rules) });
        }
        layers.extend(self.on(Switch::LockPersonality, sets).map(by_libseccomp));
        layers.extend(self.log.log().map(by_libseccomp));
        let refusal = self.refusal.unwrap_or(Answer::new(Verdict::Kill));
        layers.extend(self.calls.filter(refusal).map(by_libseccomp));
        layers
    }

    fn on(&self, switch: Switch, sets: &'static str) -> Option<Rules> {
        // Who has a user of its own has this too.
        let wanted = |on: Switch| {
            on == switch || (on, switch) == (Switch::DynamicUser, Switch::RestrictSuidSgid)
        };
        let (_, origin) = self.switches.iter().find(|(on, _)| wanted(*on))?;
        filters::switch(switch, self.personality, sets, *origin)
    }
}

/// A filter that systemd has libseccomp make for the architectures of the unit, and that may name
/// calls which one of these lacks.
fn by_libseccomp(rules: Rules) -> Layer {
    Layer {
        arches: LayerArches::Local,
        is_lenient: true,
        order: Order::Libseccomp(Exactness::Exact),
        ..Layer::new(rules)
    }
}

/// Warns of a key that is nearly one of a filter's.
fn hint(key: Piece<'_>, context: &mut Context<'_>) {
    let near = nearest(key.text, DIRECTIVES).filter(|near| *near != key.text);
    if let Some(near) = near {
        let message =
            format!("systemd knows no {}= and passes it over: did you mean {near}=?", key.text);
        context.warn(code::DOUBTFUL, key, message);
    }
}
