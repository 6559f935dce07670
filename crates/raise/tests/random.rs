//! Raised rules mean the policy that they come from, and combinations what the prover says.
#![expect(clippy::unwrap_used, reason = "what cannot be had fails the test that needs it")]

use callgate_policy::{Action, ArchPolicy, Condition, Policy};
use callgate_raise::{Agreement, Algebra, Clause, Raised, Vocabulary, combine, compare, raise};
use callgate_testkit::{Rng, policy as random};

/// The policy of raised rules, in any order of parts.
fn policy_of(
    raised: &Raised,
    reversed: bool,
    vocabulary: Option<Vocabulary<'_>>,
) -> Option<Policy> {
    let mut builder = Policy::builder(raised.foreign);
    for own in &raised.arches {
        let mut policy = ArchPolicy::new(own.default);
        if let Some(unknown) = own.unknown {
            policy.unknown(unknown);
        }
        for call in &own.calls {
            let mut parts = call.parts.clone();
            if reversed {
                parts.reverse();
            }
            for part in &parts {
                assert_ne!(part.action, own.default, "no rule equal to the default");
                assert!(!part.clauses.is_empty());
                let clauses: Vec<Clause> = match &vocabulary {
                    Some(vocabulary) => vocabulary.express(&part.clauses).ok()?,
                    None => part.clauses.clone(),
                };
                for clause in clauses {
                    policy.rule(call.nr, clause.condition(), part.action);
                }
            }
            if parts.is_empty() {
                policy.rule(call.nr, Condition::always(), own.default);
            }
        }
        builder = builder.arch(own.arch, policy);
    }
    Some(builder.build().unwrap())
}

#[test]
fn raised_rules_mean_the_policy_whatever_their_order() {
    let mut raised_count = 0;
    for seed in 0..60 {
        let meant = random::policy(&mut Rng::with_seed(seed));
        let Ok(raised) = raise(&meant) else { continue };
        raised_count += 1;
        for reversed in [false, true] {
            let read = policy_of(&raised, reversed, None).unwrap();
            assert_eq!(compare(&meant, &read).unwrap(), Agreement::Equal, "seed {seed}");
        }
    }
    assert!(raised_count > 50, "{raised_count} of 60");
}

#[test]
fn few_words_say_the_same() {
    let says = |test: &callgate_raise::Test| {
        let is_whole = test.mask == u64::MAX;
        is_whole || test.operator == callgate_policy::Operator::Eq
    };
    let mut said = 0;
    for seed in 100..160 {
        let meant = random::policy(&mut Rng::with_seed(seed));
        let Ok(raised) = raise(&meant) else { continue };
        let vocabulary = Vocabulary { says: &says, repeats: false };
        let Some(read) = policy_of(&raised, false, Some(vocabulary)) else { continue };
        said += 1;
        assert_eq!(compare(&meant, &read).unwrap(), Agreement::Equal, "seed {seed}");
    }
    assert!(said > 40, "{said} of 60");
}

#[test]
fn combinations_are_proved_and_a_policy_meets_itself() {
    let mut combined = 0;
    for seed in 200..240 {
        let rng = &mut Rng::with_seed(seed);
        let [left, right] = [random::policy(rng), random::policy(rng)];
        for how in [Algebra::Intersect, Algebra::Union] {
            // The proof is part of the call; what has no frame in common is refused.
            combined += usize::from(combine(&left, &right, how).is_ok());
            if let (Ok(itself), Ok(raised)) = (combine(&left, &left, how), raise(&left)) {
                let again = raise(&itself).unwrap();
                let named: Vec<_> = again.arches.iter().map(|own| own.arch).collect();
                for own in raised.arches.iter().filter(|own| named.contains(&own.arch)) {
                    let same = again.arches.iter().find(|other| other.arch == own.arch);
                    assert_eq!(same.map(|own| &own.calls), Some(&own.calls), "seed {seed}");
                }
            }
        }
    }
    assert!(combined > 60, "{combined} of 80");
}

#[test]
fn ties_between_errno_values_go_to_the_left() {
    let [one, two] = [1, 2].map(|errno| Action::errno(errno).unwrap());
    for how in [Algebra::Intersect, Algebra::Union] {
        assert_eq!(how.apply(one, two), one);
        assert_eq!(how.apply(two, one), two);
    }
    assert_eq!(
        Algebra::Intersect.apply(Action::trace(0), Action::from_raw(0x7fc0_0000)),
        Action::from_raw(0x7fc0_0000)
    );
    assert_eq!(Algebra::Union.apply(Action::errno(0).unwrap(), one).data(), 0);
}
