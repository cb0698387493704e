//! A person who opens the page in a browser, through its Service.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::cluster::Cluster;
use crate::network::forward;
use crate::support::browser::{Browser, chromedriver};

/// Where people open it. To a browser `localhost` is as safe as https.
pub(crate) const PAGE: &str = "http://localhost:8080";

/// From now on the page is where people open it, as an ingress would lead them: by the Service's address.
pub(crate) async fn is_led_to(service: Ipv4Addr) -> Result<(), String> {
    let page = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080);
    forward(page, SocketAddrV4::new(service, 80)).await
}

/// Presses the button, signs in, consents, and comes back.
pub(crate) async fn connects(cluster: &Cluster, address: &str) -> Result<(), String> {
    let driver = chromedriver().ok_or("chromium and chromedriver are not there")?;
    let browser = Browser::start(cluster.folder(), &driver, true).await;
    browser.open(address).await;
    browser.shows("Connect your gmail account").await;
    browser.click("button[value=connect]").await;
    browser.shows("Your link is ready").await;
    browser.click("a.button").await;
    browser.shows("asks to use").await;
    browser.click("button[value=connect]").await;
    browser.shows("Your gmail account is connected").await;
    let complaints = browser.complaints().await;
    browser.quit().await;
    match complaints.is_empty() {
        true => Ok(()),
        false => Err(format!("the browser complains: {complaints:?}")),
    }
}
