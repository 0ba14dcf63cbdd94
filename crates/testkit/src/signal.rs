//! Waiting for what must happen, without sleeping.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a test waits for something that must happen; only a failing test waits this long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A count that one thread raises and others wait for. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Signal {
    inner: Arc<(Mutex<usize>, Condvar)>,
}

impl Signal {
    /// A count of zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the count by one and wakes who waits.
    pub fn raise(&self) {
        let (count, changed) = &*self.inner;
        *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        changed.notify_all();
    }

    /// Waits until the count has reached `wanted`.
    ///
    /// # Panics
    /// After [`PATIENCE`].
    pub fn wait_for(&self, wanted: usize) {
        let (count, changed) = &*self.inner;
        let guard = count.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, waiting) = changed
            .wait_timeout_while(guard, PATIENCE, |count| *count < wanted)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!waiting.timed_out(), "waited {PATIENCE:?} for signal {wanted}, {} came", *now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_goes_on_when_enough_signals_came() {
        let signal = Signal::new();
        let raiser = signal.clone();
        let thread = std::thread::spawn(move || (0..3).for_each(|_| raiser.raise()));
        signal.wait_for(3);
        thread.join().unwrap();
        signal.wait_for(1);
    }
}
