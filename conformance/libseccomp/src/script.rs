//! Random contexts, as the driver reads them.

use callgate_scmp::Token;
use callgate_syscalls::{Arch, Name, SyscallNr, names};

use super::NEWER;

const ALLOW: u32 = 0x7fff_0000;
const DEFAULTS: [u32; 4] = [0x0005_0063, 0x0005_0063, 0, ALLOW];
const ACTIONS: [u32; 6] = [ALLOW, 0x0005_0001, 0x0005_0026, 0x7ff0_0007, 0x7ffc_0000, 0x0003_0000];

/// Calls that every architecture has, some of which others multiplex, and few, so that rules meet.
const CALLS: [Name; 6] =
    [names::READ, names::WRITE, names::CLOSE, names::SOCKET, names::CONNECT, names::IOCTL];

/// Data that meet each other in parts.
const DATA: [u64; 6] = [0, 1, 0xff, 0x1_0000_0000, 0x1_0000_0001, u64::MAX];

const EQ: u32 = 4;
const MASKED_EQ: u32 = 7;

/// The driver's orders for one context.
#[derive(Clone, Default)]
pub(super) struct Script {
    lines: Vec<Line>,
}

/// One line, and whether it stands in a transaction that is rejected: then only ours, which has
/// transactions, does it.
#[derive(Clone)]
struct Line {
    text: String,
    undone: bool,
}

/// The part of a script that libseccomp carries out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    All,
    /// No rule that is refused: it forgets things after one.
    Accepted,
    /// As well no priority and no rule of a pseudo number, which say nothing of any call: where one
    /// of them sorts first it loses the number of the call.
    Rules,
}

impl Script {
    /// For ours.
    pub(super) fn ours(&self) -> String {
        let dot = |line: &Line| if line.undone { "." } else { "" };
        self.lines.iter().map(|line| format!("{}{}\n", dot(line), line.text)).collect()
    }

    /// For libseccomp, where ours answered with these codes.
    pub(super) fn theirs(&self, part: Part, codes: &[&str]) -> String {
        let mut codes = codes.iter();
        let mut text = String::new();
        for line in self.lines.iter().filter(|line| !line.undone) {
            let refused = line.reports() && codes.next().is_some_and(|code| code.starts_with('-'));
            let left_out = match part {
                Part::All => false,
                Part::Accepted => refused && line.is_rule(),
                Part::Rules => {
                    refused && line.is_rule() || line.text.starts_with('P') || line.is_pseudo()
                }
            };
            if !left_out {
                text.push_str(&line.text);
                text.push('\n');
            }
        }
        text
    }

    /// The codes that rules returned.
    pub(super) fn rules(&self) -> impl Iterator<Item = bool> + '_ {
        self.lines.iter().filter(|line| !line.undone && line.reports()).map(Line::is_rule)
    }

    /// Whether something in it says nothing of any call.
    pub(super) fn has_idle(&self) -> bool {
        self.lines.iter().any(|line| line.text.starts_with('P') || line.is_pseudo())
    }

    pub(super) fn push(&mut self, text: String) {
        self.lines.push(Line { text, undone: false });
    }
}

impl Line {
    fn reports(&self) -> bool {
        !self.text.starts_with(['S', 'E'])
    }

    fn is_rule(&self) -> bool {
        self.text.starts_with(['R', 'X'])
    }

    fn is_pseudo(&self) -> bool {
        let number = self.text.split(' ').nth(2).and_then(|number| number.parse::<i32>().ok());
        self.is_rule() && number.is_some_and(|number| number < -1)
    }
}

/// The number of a call on the architecture that a driver is for.
pub(super) fn number(native: Arch, name: Name) -> i32 {
    let nr = native.syscall(name).and_then(|call| i32::try_from(call.nr.raw()).ok());
    nr.unwrap_or(-1)
}

/// One context whose rules compare with EQ and MASKED_EQ, for drivers of that architecture.
pub(super) fn context(random: &mut fastrand::Rng, native: Arch) -> Script {
    let mut script = Script::default();
    let foreign = random.u8(..4) == 0;
    let default = DEFAULTS[random.usize(..DEFAULTS.len())];
    let mut arches = arches(random, native, foreign);
    script.push(format!("I {default}"));
    let count = random.usize(usize::from(foreign)..4);
    members(&mut script, &mut arches, foreign, count);
    for _ in 0..random.usize(..3) {
        attribute(random, &mut script);
    }
    let mixed = random.u8(..4) == 0;
    let of = Rules { native, mixed };
    rules(random, &mut script, of);
    if random.u8(..4) == 0 {
        transaction(random, &mut script, &arches, of);
        rules(random, &mut script, of);
    }
    if random.u8(..6) == 0 {
        merge(random, &mut script, &mut arches, (default, foreign), of);
        rules(random, &mut script, of);
    }
    script.push("E".into());
    script
}

/// What rules a context gets: for which architecture's numbers, and whether those of one number
/// have different actions.
#[derive(Clone, Copy)]
struct Rules {
    native: Arch,
    mixed: bool,
}

/// The other architectures of the native one's byte order, or those of the foreign one, in random
/// order.
pub(super) fn arches(random: &mut fastrand::Rng, native: Arch, foreign: bool) -> Vec<Arch> {
    let fits = |arch: &Arch| {
        !NEWER.contains(arch) && *arch != native && (arch.endian() != native.endian()) == foreign
    };
    let mut arches: Vec<Arch> = Arch::ALL.into_iter().filter(fits).collect();
    random.shuffle(&mut arches);
    arches
}

/// Adds architectures, in place of the native one if the byte order is the foreign one.
pub(super) fn members(script: &mut Script, arches: &mut Vec<Arch>, foreign: bool, count: usize) {
    if foreign {
        script.push("D 0".into());
    }
    for arch in arches.drain(..count.min(arches.len())) {
        script.push(format!("A {}", Token::of(arch).raw()));
    }
}

/// Any attribute, but those for which the running kernel is asked, with a value that may be wrong.
fn attribute(random: &mut fastrand::Rng, script: &mut Script) {
    const ATTRIBUTES: [u32; 8] = [0, 1, 2, 3, 5, 8, 8, 9];
    const VALUES: [u32; 7] = [0, 1, 2, 2, 3, ALLOW, 0x0005_0002];
    let attribute = ATTRIBUTES[random.usize(..ATTRIBUTES.len())];
    script.push(format!("T {attribute} {}", VALUES[random.usize(..VALUES.len())]));
}

/// Some rules and priorities.
fn rules(random: &mut fastrand::Rng, script: &mut Script, Rules { native, mixed }: Rules) {
    for _ in 0..random.usize(..8) {
        let call = CALLS[random.usize(..CALLS.len())];
        let number = number(native, call);
        if random.u8(..5) == 0 {
            script.push(format!("P {number} {}", random.u8(..)));
        }
        let any = random.usize(..ACTIONS.len());
        // The same action on all processors, so that their scripts differ in numbers alone.
        let own = action(self::number(Arch::X86_64, call));
        let action = if mixed { ACTIONS[any] } else { own };
        let text = rule(random, action, number, &[EQ, MASKED_EQ]);
        script.push(text);
    }
    if random.u8(..8) == 0 {
        let number = match random.u8(..4) {
            0 | 1 => -1,
            2 => random.i32(-300..335),
            _ => random.i32(1000..5000),
        };
        let number =
            if everywhere(native, number) { number } else { self::number(native, CALLS[0]) };
        script.push(format!("R {ALLOW} {number} {}", 6 * random.u8(..2)));
    }
}

/// Whether a native number is that of a call which every architecture makes directly, or of none
/// at all. Others would become rules of pseudo numbers, which libseccomp trips over, without that
/// being seen in the script.
fn everywhere(native: Arch, number: i32) -> bool {
    let number = u32::try_from(number).map(SyscallNr::new);
    let call = number.ok().and_then(|number| native.syscall_at(number));
    call.is_none_or(|call| Arch::ALL.iter().all(|arch| arch.syscall(call.name).is_some()))
}

/// A rule with comparisons of up to two arguments; one of eight is to be exact.
pub(super) fn rule(
    random: &mut fastrand::Rng,
    action: u32,
    number: i32,
    operators: &[u32],
) -> String {
    let letter = if random.u8(..8) == 0 { 'X' } else { 'R' };
    let mut args = [0, 1, 2];
    random.shuffle(&mut args);
    let count = random.usize(..3);
    let mut text = format!("{letter} {action} {number} {count}");
    for arg in &args[..count] {
        let mut datum = || DATA[random.usize(..DATA.len())];
        let (a, b) = (datum(), datum());
        let op = operators[random.usize(..operators.len())];
        text.push_str(&format!(" {arg} {op} {a} {b}"));
    }
    text
}

/// One action for each number.
pub(super) fn action(number: i32) -> u32 {
    ACTIONS[usize::try_from(number).unwrap_or(0) % ACTIONS.len()]
}

/// A transaction that is rejected, with one within it that is committed.
fn transaction(random: &mut fastrand::Rng, script: &mut Script, arches: &[Arch], of: Rules) {
    let begin = script.lines.len();
    script.push("B".into());
    rules(random, script, of);
    script.push("B".into());
    if let Some(arch) = arches.first() {
        script.push(format!("A {}", Token::of(*arch).raw()));
    }
    rules(random, script, of);
    script.push("C".into());
    script.push("J".into());
    script.lines[begin..].iter_mut().for_each(|line| line.undone = true);
}

/// A second context, merged into the first; sometimes they do not fit.
fn merge(
    random: &mut fastrand::Rng,
    script: &mut Script,
    arches: &mut Vec<Arch>,
    (default, foreign): (u32, bool),
    of: Rules,
) {
    let other = random.u8(..8) == 0;
    script.push("S 1".into());
    script.push(format!("I {}", if other { 0x0005_0064 } else { default }));
    let count = 1 + random.usize(..2);
    members(script, arches, foreign, count);
    if !foreign && random.u8(..8) != 0 {
        script.push("D 0".into());
    }
    rules(random, script, of);
    script.push("S 0".into());
    script.push("M".into());
}
