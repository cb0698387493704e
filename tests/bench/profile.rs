//! On what the apiserver spends its CPU time.

use std::fs;

use http::Request;
use kube::client::Body;
use tokio::task::JoinHandle;

use super::stage::Stage;

/// How long a profile lasts.
const SECONDS: u32 = 10;

/// A profile that is being taken.
pub(crate) struct Profile(JoinHandle<()>);

impl Profile {
    /// Takes one from now on. `go tool pprof` reads the file that comes of it.
    pub(crate) fn begin(stage: &Stage, which: &str, part: &str) -> Profile {
        let client = stage.client.clone();
        let target = concat!(env!("CARGO_MANIFEST_DIR"), "/target");
        let file = format!("{target}/bench-{which}-{part}.pprof");
        Profile(tokio::spawn(async move {
            let path = format!("/debug/pprof/profile?seconds={SECONDS}");
            let request = Request::get(path).body(Body::empty());
            let answer = client.send(request.expect("a request")).await;
            let profile = answer.expect("a profile").into_body().collect_bytes();
            let profile = profile.await.expect("a profile");
            fs::write(file, profile).expect("target/ can be written to");
        }))
    }

    /// Waits until it is in its file.
    pub(crate) async fn written(self) {
        self.0.await.expect("it was taken");
    }
}
