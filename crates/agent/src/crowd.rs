//! Tasks for clients, of which the newest is never kept waiting by the others.

use std::collections::VecDeque;

use tokio::task::AbortHandle;

/// The tasks of clients, the oldest first. When there are too many the oldest is given up: whoever
/// is good is done long before as many others have come.
pub(crate) struct Crowd {
    max: usize,
    tasks: VecDeque<AbortHandle>,
}

impl Crowd {
    pub(crate) const fn new(max: usize) -> Self {
        Self { max, tasks: VecDeque::new() }
    }

    /// Takes a task in. Says whether another one was given up for it.
    pub(crate) fn admit(&mut self, task: AbortHandle) -> bool {
        self.tasks.retain(|task| !task.is_finished());
        let full = self.tasks.len() >= self.max;
        if full {
            // There is one, as there is room for at least one.
            self.tasks.pop_front().iter().for_each(AbortHandle::abort);
        }
        self.tasks.push_back(task);
        full
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn the_oldest_makes_room_for_the_newest() {
        let mut crowd = Crowd::new(2);
        let tasks: Vec<_> = (0..4).map(|_| tokio::spawn(pending::<()>())).collect();
        let admitted: Vec<_> = tasks.iter().map(|task| crowd.admit(task.abort_handle())).collect();
        assert_eq!(admitted, [false, false, true, true]);
        yield_now().await;
        let finished: Vec<_> = tasks.iter().map(tokio::task::JoinHandle::is_finished).collect();
        assert_eq!(finished, [true, true, false, false]);
    }

    #[tokio::test]
    async fn tasks_that_are_done_take_no_room() {
        let mut crowd = Crowd::new(1);
        for _ in 0..3 {
            let task = tokio::spawn(async {});
            assert!(!crowd.admit(task.abort_handle()));
            task.await.unwrap();
        }
    }
}
