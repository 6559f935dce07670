//! Calls on one context, in all orders in which threads can make them.
//!
//! References: the crate loom, which runs each model once for every order that the memory model
//! allows.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// What the source is built on here.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU32, Ordering};
}

/// The errors that it tells.
mod error {
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(crate) enum Error {
        InUse,
        Panicked,
    }
}

#[path = "../src/usage.rs"]
mod usage;

use error::Error;
use usage::Usage;

/// A context of which loom sees every access.
struct Model {
    usage: Usage,
    changes: UnsafeCell<u32>,
}

fn model() -> Arc<Model> {
    Arc::new(Model { usage: Usage::new(), changes: UnsafeCell::new(0) })
}

/// A call that changes the context.
fn call(model: &Model) -> Result<(), Error> {
    model.usage.begin()?;
    change(model);
    model.usage.give_back();
    Ok(())
}

fn change(model: &Model) {
    // SAFETY: that nothing else is here is what the tests show: loom ends them otherwise.
    model.changes.with_mut(|changes| unsafe { *changes += 1 });
}

#[test]
fn one_call_at_a_time_uses_a_context() {
    loom::model(|| {
        let model = model();
        let others = [Arc::clone(&model), Arc::clone(&model)];
        let others = others.map(|model| thread::spawn(move || call(&model)));
        let own = call(&model);
        let [one, other] = others.map(|thread| thread.join().unwrap());
        let results = [own, one, other];
        assert!(results.contains(&Ok(())) && !results.contains(&Err(Error::Panicked)));
        // A call that was refused left nothing behind.
        assert_eq!(call(&model), Ok(()));
    });
}

#[test]
fn a_context_is_released_once_and_not_while_a_call_uses_it() {
    loom::model(|| {
        let model = model();
        let (calls, releases) = (Arc::clone(&model), Arc::clone(&model));
        let release = |model: &Model| {
            let last = model.usage.end();
            if last {
                change(model);
            }
            last
        };
        let calls = thread::spawn(move || call(&calls));
        let releases = thread::spawn(move || release(&releases));
        let own = release(&model);
        let other = releases.join().unwrap();
        let called = calls.join().unwrap();
        assert!(!(own && other));
        // Whoever came too late for a release was told so.
        match own || other {
            true => assert_eq!(call(&model), Err(Error::InUse)),
            false => assert_eq!(called, Ok(())),
        }
    });
}

#[test]
fn after_a_panic_nothing_uses_the_context_and_it_can_be_released() {
    loom::model(|| {
        let model = model();
        assert_eq!(model.usage.begin(), Ok(()));
        let other = Arc::clone(&model);
        let other = thread::spawn(move || call(&other));
        model.usage.poison();
        assert!(matches!(other.join().unwrap(), Err(Error::InUse | Error::Panicked)));
        assert_eq!(call(&model), Err(Error::Panicked));
        assert!(model.usage.end());
        assert!(!model.usage.end());
    });
}
