//! What several tests leave of one field, in as few tests as were found.
//!
//! Tests under the same mask leave an interval of masked values with holes. Equalities under
//! different masks become one; what they decide is decided.

use callgate_policy::{Field, Operator};

use crate::Test;

/// The values of a field under one mask: an interval without some values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) mask: u64,
    pub(crate) low: u64,
    pub(crate) high: u64,
    /// Ascending, each inside.
    pub(crate) holes: Vec<u64>,
    /// The test as it was written, as long as it is the only one.
    written: Option<Test>,
}

/// The simplest tests that say the same as all of these together; `None` if no value meets them.
///
/// All tests are about the same field. Not every contradiction is seen: those between an order and
/// the bits under another mask are left to the prover.
pub(crate) fn simplified(tests: &[Test]) -> Option<Vec<Test>> {
    let Some(field) = tests.first().map(|test| test.field) else { return Some(Vec::new()) };
    let mut spans = spans(tests)?;
    // Each round joins or drops a span, or ends.
    while let Some(changed) = round(&spans)? {
        spans = changed;
    }
    Some(spans.iter().flat_map(|span| span.tests(field)).collect())
}

/// The spans of tests, one for each mask; `None` if one is empty.
pub(crate) fn spans(tests: &[Test]) -> Option<Vec<Span>> {
    let mut spans: Vec<Span> = Vec::new();
    for test in tests {
        match spans.iter_mut().find(|span| span.mask == test.mask) {
            Some(span) => span.narrow(test),
            None => spans.push(Span::new(test)),
        }
    }
    spans.iter_mut().for_each(Span::tidy);
    spans.retain(|span| !span.is_everything());
    spans.iter().all(|span| span.low <= span.high && !span.is_impossible()).then_some(spans)
}

/// One simplification, if there is one; `None` if no value is left.
fn round(spans: &[Span]) -> Option<Option<Vec<Span>>> {
    for (at, span) in spans.iter().enumerate() {
        for (other_at, other) in spans.iter().enumerate().filter(|(other, _)| *other != at) {
            let joined = match span.single() {
                Some(value) => other.given(span.mask, value),
                None => continue,
            };
            let replaced = match joined {
                Given::Never => return None,
                Given::Same => continue,
                Given::Always => vec![span.clone()],
                Given::Both(both) => vec![both],
                Given::Rest(rest) => vec![span.clone(), rest],
            };
            let mut next: Vec<Span> = Vec::new();
            for (place, kept) in spans.iter().enumerate() {
                match place {
                    _ if place == at => next.extend(replaced.iter().cloned()),
                    _ if place == other_at => {}
                    _ => next.push(kept.clone()),
                }
            }
            return Some(Some(rejoined(next)?));
        }
    }
    Some(None)
}

/// Spans of one mask as one again; `None` if no value is left.
fn rejoined(list: Vec<Span>) -> Option<Vec<Span>> {
    // The field does not matter to spans.
    let tests: Vec<Test> = list.iter().flat_map(|span| span.tests(Field::Arg0)).collect();
    spans(&tests)
}

/// What an equality under another mask makes of a span.
enum Given {
    Never,
    Always,
    Same,
    /// Both as one.
    Both(Span),
    /// What is left beside the equality.
    Rest(Span),
}

impl Span {
    fn new(test: &Test) -> Self {
        let mut span = Self::all(test.mask);
        span.narrow(test);
        span.written = Some(*test);
        span
    }

    fn all(mask: u64) -> Self {
        Self { mask, low: 0, high: mask, holes: Vec::new(), written: None }
    }

    fn narrow(&mut self, test: &Test) {
        self.written = None;
        let value = test.value;
        let below = value.checked_sub(1);
        let above = value.checked_add(1);
        match test.operator {
            Operator::Eq => (self.low, self.high) = (self.low.max(value), self.high.min(value)),
            Operator::Ne => self.holes.push(value),
            Operator::Le => self.high = self.high.min(value),
            Operator::Ge => self.low = self.low.max(value),
            Operator::Lt => match below {
                Some(below) => self.high = self.high.min(below),
                None => self.close(),
            },
            Operator::Gt => match above {
                Some(above) => self.low = self.low.max(above),
                None => self.close(),
            },
        }
    }

    /// Leaves no value.
    const fn close(&mut self) {
        (self.low, self.high) = (1, 0);
    }

    /// Whether masked values are all numbers up to the mask.
    pub(crate) const fn is_dense(&self) -> bool {
        self.mask & self.mask.wrapping_add(1) == 0
    }

    fn tidy(&mut self) {
        self.holes.sort_unstable();
        self.holes.dedup();
        let (mask, low, high) = (self.mask, self.low, self.high);
        self.holes.retain(|hole| (low..=high).contains(hole) && hole & !mask == 0);
        while self.is_dense() && self.low <= self.high && !self.holes.is_empty() {
            if self.holes.first() == Some(&self.low) {
                self.holes.remove(0);
                match self.low.checked_add(1) {
                    Some(low) => self.low = low,
                    None => self.close(),
                }
            } else if self.holes.last() == Some(&self.high) {
                self.holes.pop();
                match self.high.checked_sub(1) {
                    Some(high) => self.high = high,
                    None => self.close(),
                }
            } else {
                break;
            }
        }
        self.flip_single_bit();
    }

    /// A bit that is not this is the other.
    fn flip_single_bit(&mut self) {
        if let ([hole], 1) = (self.holes.as_slice(), self.mask.count_ones()) {
            let other = hole ^ self.mask;
            if (self.low..=self.high).contains(&other) {
                (self.low, self.high) = (other, other);
            } else {
                self.close();
            }
            self.holes.clear();
            self.written = None;
        }
    }

    fn is_everything(&self) -> bool {
        self.low == 0 && self.high >= self.mask && self.holes.is_empty()
    }

    /// Whether no masked value is in it, as far as that is seen.
    fn is_impossible(&self) -> bool {
        match self.single() {
            Some(value) => value & !self.mask != 0 || self.holes.contains(&value),
            None => self.low > self.mask,
        }
    }

    pub(crate) fn single(&self) -> Option<u64> {
        (self.low == self.high).then_some(self.low)
    }

    fn contains(&self, value: u64) -> bool {
        (self.low..=self.high).contains(&value) && !self.holes.contains(&value)
    }

    /// What is left of the span where bits of the field are known.
    fn given(&self, mask: u64, value: u64) -> Given {
        let common = self.mask & mask;
        if let Some(own) = self.single() {
            return match own & common == value & common {
                false => Given::Never,
                true => Given::Both(Self::of_value(self.mask | mask, own | value)),
            };
        }
        if common == self.mask {
            return if self.contains(value & self.mask) { Given::Always } else { Given::Never };
        }
        // High bits are known and the low ones have an order: together they have one.
        if common == 0 && self.is_dense() && (self.mask | mask).wrapping_add(1) & self.mask == 0 {
            let all = self.mask | mask;
            if all & all.wrapping_add(1) == 0 {
                let [low, high] = [self.low, self.high].map(|end| value | end);
                let holes = self.holes.iter().map(|hole| value | hole).collect();
                return Given::Both(Self { mask: all, low, high, holes, written: None });
            }
        }
        self.holes_given(mask, value)
    }

    /// A hole whose known bits differ is none; otherwise the unknown bits decide.
    fn holes_given(&self, mask: u64, value: u64) -> Given {
        let common = self.mask & mask;
        let is_ne = self.low == 0 && self.high >= self.mask;
        let [hole] = self.holes.as_slice() else { return Given::Same };
        if !is_ne || common == 0 {
            return Given::Same;
        }
        if hole & common != value & common {
            return Given::Always;
        }
        let rest = self.mask & !mask;
        let mut span = Self::all(rest);
        span.holes.push(hole & rest);
        span.tidy();
        Given::Rest(span)
    }

    fn of_value(mask: u64, value: u64) -> Self {
        Self { mask, low: value, high: value, holes: Vec::new(), written: None }
    }

    pub(crate) fn tests(&self, field: Field) -> Vec<Test> {
        if let Some(written) = self.written.filter(|_| self.single().is_none()) {
            return vec![Test { field, ..written }];
        }
        let test = |operator, value| Test { field, mask: self.mask, operator, value };
        let mut tests = match (self.low, self.high) {
            (low, high) if low == high => vec![test(Operator::Eq, low)],
            (0, high) if high >= self.mask => Vec::new(),
            (0, high) => vec![test(Operator::Le, high)],
            (low, high) if high >= self.mask => vec![test(Operator::Ge, low)],
            (low, high) => vec![test(Operator::Ge, low), test(Operator::Le, high)],
        };
        tests.extend(self.holes.iter().map(|hole| test(Operator::Ne, *hole)));
        tests
    }

    /// The intervals between the holes.
    pub(crate) fn intervals(&self) -> Vec<(u64, u64)> {
        let mut intervals = Vec::new();
        let mut low = Some(self.low);
        for hole in &self.holes {
            if let Some(first) = low.filter(|low| low < hole) {
                intervals.push((first, hole - 1));
            }
            low = hole.checked_add(1);
        }
        if let Some(first) = low.filter(|low| *low <= self.high) {
            intervals.push((first, self.high));
        }
        intervals
    }
}
