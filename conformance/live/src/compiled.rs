//! What the compiler makes of conditions, on this machine's own byte order and word size.

use callgate::{Action, Arch, Filter, SeccompData};
use callgate_kernel::child::{Call, Ending};
use callgate_lab::judge::{Answer, CALLS_MAX, HARMLESS, answers, call_address};
use callgate_policy::{ArchPolicy, Policy};
use callgate_testkit::Rng;
use callgate_testkit::call::aimed_at;
use callgate_testkit::policy::condition;

use super::support::{Checked, Row, Verdict, ensure, said, same};

pub(super) const ROWS: &[Row] = &[Row {
    name: "compiled-conditions",
    about: "programs of random conditions on arguments refuse what their policies refuse",
    check: conditions,
}];

/// Enough for every operator, width and mask to occur with arguments on both sides.
const POLICIES: u32 = 200;

fn conditions() -> Checked {
    let arch = Arch::native().ok_or("a machine without a table")?;
    let address = call_address().map_err(said)?;
    let mut rng = Rng::with_seed(22);
    let (mut refused, mut allowed) = (0, 0);
    for number in 0..POLICIES {
        let policy = random_policy(&mut rng, arch)?;
        let filter = Filter::from_policy(policy.clone()).map_err(said)?;
        let data: Vec<SeccompData> = (0..CALLS_MAX)
            .map(|_| SeccompData {
                instruction_pointer: address,
                ..SeccompData::new(arch, HARMLESS)
                    .with_args(aimed_at(&mut rng, &policy).args.map(held))
            })
            .collect();
        let calls: Vec<Call> =
            data.iter().map(|data| Call::new(HARMLESS).with_args(data.args)).collect();
        let program = std::slice::from_ref(filter.program());
        let (found, ending) = answers(program, &calls).map_err(said)?;
        same("the ending", ending, Ending::Exited { code: 0 })?;
        same("answers", found.len(), calls.len())?;
        for (data, found) in data.iter().zip(found) {
            match (found, policy.decide(data)) {
                (Answer::Returned(_), Action::ALLOW) => allowed += 1,
                (Answer::Failed(errno), action) if errno.action() == action => refused += 1,
                (found, action) => {
                    return Err(format!("policy {number}: {data:?}: {found:?}, not {action:?}"));
                }
            }
        }
    }
    ensure(refused > 1_000 && allowed > 1_000, "calls on both sides")?;
    Ok(Verdict::Passed)
}

/// Rules that answer errno values, which tell them apart, to the one call.
fn random_policy(rng: &mut Rng, arch: Arch) -> Result<Policy, String> {
    let mut rules = ArchPolicy::new(Action::ALLOW);
    for errno in 1..=rng.u16(1..=4) {
        rules.rule(HARMLESS, condition(rng, 2), Action::errno(errno).ok_or("an errno")?);
    }
    Policy::builder(Action::KILL_PROCESS).arch(arch, rules).build().map_err(said)
}

/// An argument as a register of this machine holds it.
const fn held(argument: u64) -> u64 {
    if cfg!(target_pointer_width = "32") { argument & 0xffff_ffff } else { argument }
}
