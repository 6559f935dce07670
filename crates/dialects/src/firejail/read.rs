//! Reads firejail's profiles.

use callgate_rules::{Answer, ErrnoSpec, Origin, Rules, Span, Verdict};
use callgate_syscalls::Arch;

use super::filters::Make;
use super::list::{self, Table};
use super::profile::{List, Lists, Profile};
use crate::context::{Context, code};
use crate::piece::Piece;
use crate::{Layer, LayerArches, Part, Refused, Written, X32};

/// Reads a profile with those that it includes.
///
/// # Errors
/// What is wrong with it, and where it asks for no filter.
pub(crate) fn read(mut context: Context<'_>) -> Result<Written, Refused> {
    let (text, source) = context.text();
    let mut profile = Profile::default();
    profile.read(&text, source, 0, &mut context);
    let layers = Loaded::of(&profile, &mut context);
    if layers.is_empty() && !context.has_errors() {
        let message = "the profile has no line that loads a filter, such as seccomp";
        context.error(code::MEANING, Piece::whole(&text, source).part(0..0), message);
    }
    context.finish(vec![Part { name: String::new(), layers }])
}

/// The filters while they are put together, in firejail's order.
struct Loaded<'p> {
    profile: &'p Profile,
    refusal: Verdict,
    layers: Vec<Layer>,
    /// What is loaded when the program has started.
    after: Vec<Layer>,
}

impl<'p> Loaded<'p> {
    fn of(profile: &'p Profile, context: &mut Context<'_>) -> Vec<Layer> {
        let refusal = profile.refusal.unwrap_or(Verdict::Errno(ErrnoSpec::EPERM));
        let mut loaded = Self { profile, refusal, layers: Vec::new(), after: Vec::new() };
        if let Some(span) = profile.protocols.1 {
            let families: Vec<u64> = profile.protocols.0.iter().map(|(_, one)| *one).collect();
            loaded.on_both(span, |make| make.protocols(&families));
        }
        loaded.lists(&profile.native, Table::Native, context);
        loaded.lists(&profile.secondary, Table::Secondary, context);
        if let Some(span) = profile.denies_write_execute {
            loaded.on_both(span, Make::memory);
        }
        if let (list, Some(span)) = &profile.namespaces {
            let flags = list.iter().fold(0, |flags, (_, flag)| flags | flag);
            loaded.on_both(*span, |make| make.namespaces(flags));
        }
        // firejail installs what it loaded last first, and the rest when the program has started.
        loaded.layers.reverse();
        loaded.layers.append(&mut loaded.after);
        loaded.layers
    }

    const fn make(&self, span: Span) -> Make {
        Make { span, refusal: self.refusal }
    }

    /// A filter of the machine's own calls; those of x32 are refused.
    fn native(&self, rules: Rules, span: Span) -> Layer {
        let refused = Answer { verdict: self.refusal, origin: Origin::Text(span) };
        Layer { is_lenient: true, x32: X32::Answer(refused), ..Layer::new(rules) }
    }

    /// The same rules for i386, where the machine has it.
    fn beside(mut rules: Rules) -> Layer {
        let arches = LayerArches::Beside(Arch::X86, Arch::X86_64);
        for rule in &mut rules.rules {
            let applies = &mut rule.applies.arches;
            *applies = match applies.is_empty() || applies.contains(&Arch::X86) {
                true => vec![Arch::X86],
                // It is about other architectures alone.
                false => std::mem::take(applies),
            };
        }
        Layer { arches, is_lenient: true, ..Layer::new(rules) }
    }

    fn on_both(&mut self, span: Span, rules: impl Fn(Make) -> Vec<callgate_rules::Rule>) {
        let make = self.make(span);
        let both = make.open(rules(make));
        self.layers.push(self.native(both.clone(), span));
        self.layers.push(Self::beside(both));
    }

    fn lists(&mut self, lists: &Lists, table: Table, context: &mut Context<'_>) {
        let Some(span) = lists.is_on else { return };
        passed_over(lists, &self.profile.native, context);
        let blocked = self.profile.blocks_secondary;
        if let Some((list, span)) = &lists.kept {
            self.block();
            if table == Table::Secondary {
                let message = "firejail applies this list to the machine's own calls";
                context.warn_at(code::DOUBTFUL, *span, message);
            }
            let rules = list::kept(list, self.refusal, *span);
            let rules = self.make(*span).rules(self.refusal, Verdict::Allow, rules);
            return self.layers.push(self.native(rules, *span));
        }
        // The machine's own list decides for both tables how they are made.
        let native = &self.profile.native;
        let is_plain =
            native.with_default.is_none() && self.refusal == Verdict::Errno(ErrnoSpec::EPERM);
        if native.dropped.is_some() {
            self.block();
            match &lists.dropped {
                Some((list, span)) => self.dropped(list, false, *span, table),
                None => missing(span, "seccomp.32.drop", context),
            }
            return;
        }
        match blocked {
            Some(_) => self.block(),
            None => {
                let make = self.make(span);
                self.layers.push(Self::beside(make.open(make.secondary())));
            }
        }
        let list: List = lists.with_default.clone().filter(|_| !is_plain);
        match (table, is_plain) {
            (Table::Secondary, true) => missing(span, "seccomp", context),
            _ => {
                let (list, span) = list.unwrap_or_else(|| (Vec::new(), span));
                self.dropped(&list, true, span, table);
            }
        }
    }

    fn dropped(&mut self, list: &[list::Member], with_default: bool, span: Span, table: Table) {
        let rules = list::dropped(list, with_default, self.refusal, span, table);
        let make = self.make(span);
        let layer = |rules| match table {
            Table::Native => self.native(make.open(rules), span),
            Table::Secondary => Self::beside(make.open(rules)),
        };
        let before = layer(rules.before);
        let after = (!rules.after.is_empty()).then(|| layer(rules.after));
        self.layers.push(before);
        self.after.extend(after);
    }

    /// Calls of other architectures are refused.
    fn block(&mut self) {
        if let Some(span) = self.profile.blocks_secondary {
            let rules = self.make(span).blocked();
            self.layers.push(self.native(rules, span));
        }
    }
}

/// Says which lists firejail passes over: of those of one table it takes one.
fn passed_over(lists: &Lists, native: &Lists, context: &mut Context<'_>) {
    let (counts, others) = match (&lists.kept, &native.dropped) {
        (Some(_), _) => ("keep", [&lists.dropped, &lists.with_default]),
        (None, Some(_)) => ("drop", [&None, &lists.with_default]),
        (None, None) => return,
    };
    for (_, span) in others.into_iter().flatten() {
        let message =
            format!("firejail passes over this list: that of seccomp.{counts} counts alone");
        context.warn_at(code::PASSED_OVER, *span, message);
    }
}

/// Says that firejail passes over a list of 32 bits without the machine's own.
fn missing(span: Span, what: &str, context: &mut Context<'_>) {
    let message = format!(
        "firejail takes a list for 32 bits only beside a {what} for the machine's own calls, and \
         passes it over"
    );
    context.warn_at(code::DOUBTFUL, span, message);
}
