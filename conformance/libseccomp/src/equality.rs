//! Contexts whose rules compare with EQ and MASKED_EQ, where libseccomp is right for every set of
//! rules.
//!
//! Every return code, the PFC text and the meaning of the program must be the same. What libseccomp
//! is known to do differently is recognised by what it does without the cause of it: a context is
//! then given to it again without the rules that were refused, and, only for the meaning of its
//! program, without priorities and pseudo numbers.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::driver::{Driver, Found, Replies, Whose, programs};
use super::script::{self, Part, Script};
use super::text::{self, Reason};
use callgate_testkit::accumulator;

/// Contexts in one process.
const BATCH: usize = 500;

/// Of 100 contexts, how many have the same text at least; each other one has a known reason. About
/// 91 have: these are four standard deviations less, of 500 contexts.
const SAME: usize = 85;
/// About 83 where an emulator answers for the kernel: without seccomp(2) both libraries refuse LOG,
/// more priorities stand without a rule, and libseccomp then loses the number of the call.
const SAME_EMULATED: usize = 75;

/// Known differences of libseccomp; each is a row in COMPATIBILITY.md.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    /// After a refused rule it has forgotten priorities, or architectures.
    ForgotAfterRefusal,
    /// What says nothing of any call sorts first, and the number of the call is not loaded.
    LostNumber,
    /// A word of the call is tested while another one is loaded.
    MixesWords,
    Text(Reason),
}

#[derive(Default)]
struct Counts {
    contexts: usize,
    calls: usize,
    refused: usize,
    texts: usize,
    undecided: usize,
    known: BTreeMap<Known, usize>,
}

/// Compares that many contexts.
pub(super) fn run(
    driver: &Driver,
    random: &mut fastrand::Rng,
    wanted: usize,
) -> Result<String, String> {
    let mut counts = Counts::default();
    while counts.contexts < wanted {
        let scripts: Vec<Script> =
            (0..BATCH).map(|_| script::context(random, driver.native())).collect();
        batch(driver, &scripts, &mut counts)?;
    }
    counts.report(if driver.is_emulated() { SAME_EMULATED } else { SAME })
}

impl Counts {
    fn report(&self, same: usize) -> Result<String, String> {
        let Self { contexts, calls, refused, texts, undecided, known } = self;
        if undecided * 100 > *contexts || texts * 100 < contexts * same {
            return Err(format!("{undecided} undecided, {texts} texts the same of {contexts}"));
        }
        let mut line = format!(
            "{contexts} contexts, {calls} calls, {refused} refused; codes and meaning the same \
             ({undecided} undecided), {texts} texts the same"
        );
        for (known, count) in known {
            // Writing to a string does not fail.
            let _ = write!(line, "; {}: {count}", known.name());
        }
        Ok(line)
    }

    fn meet(&mut self, known: Known) {
        *self.known.entry(known).or_default() += 1;
    }
}

impl Known {
    const fn name(self) -> &'static str {
        match self {
            Self::ForgotAfterRefusal => "theirs forgot something after a refused rule",
            Self::LostNumber => "theirs lost the number of the call",
            Self::MixesWords => "theirs tests a word while another is loaded",
            Self::Text(Reason::CountsRemoved) => "their priority counts removed rules",
            Self::Text(Reason::ShowsUnreachable) => "theirs shows a rule that can't be reached",
            Self::Text(Reason::LeavesOutUnreachable) => "ours shows a rule that can't be reached",
            Self::Text(Reason::OtherOrder) => "tests of equal rank in another order",
            Self::Text(Reason::LosesPriority) => "theirs lost a priority with redundant rules",
        }
    }
}

fn batch(driver: &Driver, scripts: &[Script], counts: &mut Counts) -> Result<(), String> {
    let given: Vec<String> = scripts.iter().map(Script::ours).collect();
    let ours = ended(driver.contexts(Whose::Ours, &given)?, &given)?;
    let theirs = part(driver, Whose::Theirs, Part::All, scripts.iter().zip(&ours))?;
    let mut again = Vec::new();
    for ((script, ours), theirs) in scripts.iter().zip(&ours).zip(&theirs) {
        counts.contexts += 1;
        counts.calls += ours.codes().len();
        counts.refused += ours.codes().iter().filter(|code| code.starts_with('-')).count();
        match alike(ours, theirs, counts)? {
            true => counts.texts += 1,
            false => again.push((script, ours, theirs)),
        }
    }
    let pairs = || again.iter().map(|&(script, ours, _)| (script, ours));
    let accepted = part(driver, Whose::Theirs, Part::Accepted, pairs())?;
    let rules = part(driver, Whose::Theirs, Part::Rules, pairs())?;
    // A pseudo number can be that of a call which another architecture multiplexes: ours then lacks
    // a rule as well.
    let own_rules = part(driver, Whose::Ours, Part::Rules, pairs())?;
    let parts = accepted.iter().zip(rules.iter().zip(&own_rules));
    for (&(script, ours, all), (accepted, (rules, own_rules))) in again.iter().zip(parts) {
        let theirs = Theirs { all, accepted, rules };
        let explained = explain(script, Ours { all: ours, rules: own_rules }, &theirs, counts);
        explained.map_err(|error| format!("{error}\nscript:\n{}", script.ours()))?;
    }
    Ok(())
}

/// The answer to a part of each script.
fn part<'a>(
    driver: &Driver,
    whose: Whose,
    part: Part,
    scripts: impl Iterator<Item = (&'a Script, &'a Replies)>,
) -> Result<Vec<Replies>, String> {
    let given: Vec<String> =
        scripts.map(|(script, ours)| script.theirs(part, &ours.codes())).collect();
    ended(driver.contexts(whose, &given)?, &given)
}

fn ended(answers: Vec<Option<Replies>>, scripts: &[String]) -> Result<Vec<Replies>, String> {
    let answers = answers.into_iter().zip(scripts);
    answers.map(|(answer, script)| answer.ok_or(format!("never ended:\n{script}"))).collect()
}

/// Whether everything is the same.
fn alike(ours: &Replies, theirs: &Replies, counts: &mut Counts) -> Result<bool, String> {
    if ours.codes() != theirs.codes() || ours.text != theirs.text {
        return Ok(false);
    }
    match programs(theirs, ours)? {
        Found::Same => Ok(true),
        Found::Different(_) => Ok(false),
        Found::Undecided => {
            counts.undecided += 1;
            Ok(true)
        }
    }
}

/// Our answers to a whole script, and to its rules without pseudo numbers and priorities.
#[derive(Clone, Copy)]
struct Ours<'a> {
    all: &'a Replies,
    rules: &'a Replies,
}

/// Libseccomp's answers to a whole script and to its parts.
struct Theirs<'a> {
    all: &'a Replies,
    accepted: &'a Replies,
    rules: &'a Replies,
}

/// The explanation of each difference; an error if no known one fits.
fn explain(
    script: &Script,
    ours: Ours<'_>,
    theirs: &Theirs<'_>,
    counts: &mut Counts,
) -> Result<(), String> {
    let refused = refused(script, &ours.all.codes());
    codes(script, ours.all, theirs)?;
    let mut found = Vec::new();
    let mut compared = theirs.all;
    if !refused.is_empty() && !same_text(theirs.all, theirs.accepted) {
        found.push(Known::ForgotAfterRefusal);
        compared = theirs.accepted;
    }
    found.extend(meaning(script, ours, theirs.rules, compared)?);
    if compared.text != ours.all.text {
        let reasons = text::reasons(&compared.text, &ours.all.text)?;
        found.extend(reasons.into_iter().map(Known::Text));
    }
    found.sort();
    found.dedup();
    found.into_iter().for_each(|known| counts.meet(known));
    Ok(())
}

/// What explains that programs differ: that of the rules alone, and that of all with which texts
/// are compared.
fn meaning(
    script: &Script,
    ours: Ours<'_>,
    rules: &Replies,
    compared: &Replies,
) -> Result<Option<Known>, String> {
    for (theirs, ours, whole) in [(rules, ours.rules, false), (compared, ours.all, true)] {
        let Found::Different(call) = programs(theirs, ours)? else { continue };
        if accumulator::mixes(&theirs.program()?) {
            return Ok(Some(Known::MixesWords));
        }
        if whole && script.has_idle() {
            return Ok(Some(Known::LostNumber));
        }
        return Err(format!("programs differ: {call}; ours:\n{}", ours.text));
    }
    Ok(None)
}

fn same_text(a: &Replies, b: &Replies) -> bool {
    a.text == b.text
}

/// The places of refused rules among the codes.
fn refused(script: &Script, codes: &[&str]) -> Vec<usize> {
    let lines = script.rules().zip(codes).enumerate();
    lines.filter(|(_, (rule, code))| *rule && code.starts_with('-')).map(|(at, _)| at).collect()
}

/// All codes up to and with the first refused rule are the same, and without refused rules all the
/// others.
fn codes(script: &Script, ours: &Replies, theirs: &Theirs<'_>) -> Result<(), String> {
    let (all, codes) = (theirs.all.codes(), ours.codes());
    let refused = refused(script, &codes);
    let sure = refused.first().map_or(codes.len(), |first| first + 1);
    let places = codes.iter().enumerate().filter(|(at, _)| !refused.contains(at));
    let kept: Vec<&str> = places.map(|(_, code)| *code).collect();
    match all.get(..sure) == codes.get(..sure) && kept == theirs.accepted.codes() {
        true => Ok(()),
        false => Err(format!(
            "codes differ; ours: {codes:?}\ntheirs: {all:?}\nwithout refused rules: {:?}",
            theirs.accepted.codes()
        )),
    }
}
