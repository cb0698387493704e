//! The way of a project to Composio, which can be another one tomorrow: the key is rotated, the URL corrected.

use std::sync::Arc;

use futures::{
    FutureExt,
    future::{self},
};
use parking_lot::Mutex;

use crate::composio::{SendError, Transport};

/// Said of a call that no way is there for.
const NOT_CONNECTED: &str = "the project cannot be used now";

/// Where the calls of a project go. Cheap to clone.
#[derive(Clone, Default)]
pub struct Connection(Arc<Mutex<Option<Transport>>>);

impl Connection {
    /// Sends what comes from now on this way; `None`: nowhere.
    pub fn set(&self, transport: Option<Transport>) {
        *self.0.lock() = transport;
    }

    /// The way that each call takes as it is at that moment.
    pub fn transport(&self) -> Transport {
        let current = Arc::clone(&self.0);
        Arc::new(move |request| {
            let transport = current.lock().clone();
            match transport {
                Some(transport) => transport(request),
                // Nothing was sent, and that is what a refused connection means too.
                None => {
                    let refused = SendError::Connect(NOT_CONNECTED.to_owned());
                    future::ready(Err(refused)).boxed()
                }
            }
        })
    }
}
