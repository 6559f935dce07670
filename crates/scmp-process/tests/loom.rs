//! What threads share, in all orders in which they can meet.
//!
//! References: the crate loom, which runs each model once for every order that the memory model
//! allows.

use loom::sync::Arc;
use loom::thread;

/// What the sources are built on here.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicI32, AtomicU32, Ordering};
}

#[path = "../src/words.rs"]
mod words;

use sync::{AtomicI32, AtomicU32};
use words::Words;

const PROBED: (u32, u8) = (0x3ff, 7);
const ASSUMED: (u32, u8) = (0x003, 2);

fn words() -> Arc<Words> {
    Arc::new(Words::new(AtomicU32::new(0), AtomicI32::new(Words::NO_LISTENER)))
}

#[test]
fn a_level_that_is_set_is_not_undone_by_a_probe_that_began_before() {
    loom::model(|| {
        let words = words();
        let probing = Arc::clone(&words);
        let probing = thread::spawn(move || {
            let held = probing.found(PROBED.0, PROBED.1);
            assert!(held == PROBED.0 || held == ASSUMED.0);
        });
        words.assume(ASSUMED.0, ASSUMED.1);
        probing.join().unwrap();
        assert_eq!((words.capabilities(), words.level()), (Some(ASSUMED.0), 2));
    });
}

#[test]
fn what_is_forgotten_is_found_again_and_never_half() {
    loom::model(|| {
        let words = words();
        words.assume(ASSUMED.0, ASSUMED.1);
        let (finds, forgets) = (Arc::clone(&words), Arc::clone(&words));
        let finds = thread::spawn(move || finds.found(PROBED.0, PROBED.1));
        let forgets = thread::spawn(move || forgets.forget());
        assert!(matches!(words.capabilities(), None | Some(0x3 | 0x3ff)));
        let held = finds.join().unwrap();
        assert!(held == ASSUMED.0 || held == PROBED.0);
        assert_eq!(forgets.join().unwrap(), None);
        // The level stays whatever is forgotten or found.
        assert_eq!(words.level(), 2);
    });
}

#[test]
fn a_listener_is_given_to_one_of_those_who_forget_it() {
    loom::model(|| {
        let words = words();
        words.set_listener(5);
        let other = Arc::clone(&words);
        let other = thread::spawn(move || other.forget());
        let both = [words.forget(), other.join().unwrap()];
        assert!(both == [Some(5), None] || both == [None, Some(5)], "{both:?}");
        assert_eq!(words.listener(), None);
    });
}
