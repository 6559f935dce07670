//! Policies shown in the language mean what they meant: proved, for thousands.

use callgate_gate::{NotShown, Style, show};
use callgate_policy::Action;

/// How many random policies have to be shown.
const SHOWN: u32 = 2_000;

#[test]
fn random_policies_are_shown_and_proved_or_inexpressible_for_a_known_reason() {
    let (mut shown, mut seed) = (0, 0);
    while shown < SHOWN {
        let mut rng = callgate_testkit::Rng::with_seed(seed);
        let mut policy = callgate_testkit::policy::policy(&mut rng);
        // Most policies for several architectures have several defaults, which one text cannot say.
        if seed % 4 != 0 {
            policy = policy.with_default([Action::ALLOW, Action::LOG][usize::from(rng.bool())]);
        }
        // What is returned was proved equal.
        match show(&policy, Style::Folded) {
            Ok(_) => shown += 1,
            Err(NotShown::Inexpressible { what }) => {
                let known = ["different", "instruction pointer", "largest known", "does not have"];
                let is_known = known.iter().any(|known| what.contains(known));
                assert!(is_known, "seed {seed}: {what}\n{policy:?}");
            }
            Err(error) => panic!("seed {seed}: {error}"),
        }
        seed += 1;
        assert!(seed < 20 * u64::from(SHOWN), "only {shown} of {seed} were shown");
    }
}
