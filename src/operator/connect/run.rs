//! Starts the page.

use std::{sync::Arc, time::Duration};

use kube::Client;
use tokio::{net::TcpListener, time::interval};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{
    Site, SiteSettings,
    objects::{OBJECTS, Objects, follow},
    page_address::PageSettings,
    page_metrics::PageMetrics,
    pages::Brand,
    serve::serve,
    settings::{read, read_keys},
    visitor::Proxy,
};
use crate::{arguments::Connect, composio::model::Sensitive, http as health, http::Health};

/// Why the page does not start.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How often the number of objects is told.
const COUNTED: Duration = Duration::from_secs(5);

/// Serves the page until it is told to stop.
///
/// # Errors
/// When a flag or a file does not allow it, or an address is taken.
pub async fn run(
    arguments: &Connect,
    client: Client,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let settings = settings(arguments)?;
    let pages = listen(arguments.http_address).await?;
    let own = listen(arguments.metrics_address).await?;
    let objects = Arc::new(Objects::default());
    let (metrics, health) = (
        Arc::new(PageMetrics::default()),
        Arc::new(Health::of(&[OBJECTS])),
    );
    info!(
        address = %pages.local_addr()?, own = %own.local_addr()?, url = %settings.page.url,
        "serving the connect page; /livez, /readyz and /metrics are served on the other address"
    );
    let texts = Arc::clone(&metrics);
    let own = tokio::spawn(health::serve_text(
        own,
        Arc::clone(&health),
        move || texts.text(),
        stop.clone().cancelled_owned(),
    ));
    let (site_objects, site_metrics) = (Arc::clone(&objects), Arc::clone(&metrics));
    let site = Site::new(
        settings,
        site_objects,
        client.clone(),
        site_metrics,
        stop.clone(),
    );
    let pages = tokio::spawn(serve(pages, Arc::new(site), stop.clone()));
    tokio::select! {
        () = follow(client, &arguments.scope.watch_namespace, &objects, &health) => {}
        () = count(&objects, &metrics) => {}
        () = stop.cancelled() => {}
    }
    stop.cancel();
    pages.await?;
    // Whoever still asks for metrics is not waited for.
    own.abort();
    Ok(())
}

async fn count(objects: &Objects, metrics: &PageMetrics) {
    let mut due = interval(COUNTED);
    loop {
        due.tick().await;
        metrics.objects(objects.count());
    }
}

async fn listen(address: std::net::SocketAddr) -> Result<TcpListener, Failure> {
    let listener = crate::listen::listen(address).await;
    listener.map_err(|error| format!("cannot listen on {address}: {error}").into())
}

fn settings(arguments: &Connect) -> Result<SiteSettings, Failure> {
    let keys = read_keys(&arguments.connect_key_file)?;
    let options = &arguments.proxy;
    let proxy = match &options.connect_user_header {
        None => None,
        Some(user_header) => {
            let secret = options.connect_proxy_secret_file.as_deref().map(read);
            let secret = secret.transpose()?.map(|secret| {
                let secret = Sensitive::new(secret.expose().trim());
                (options.connect_proxy_secret_header.clone(), secret)
            });
            let proxy = Proxy {
                user_header: user_header.clone(),
                secret,
            };
            proxy.check(arguments.http_address)?;
            Some(proxy)
        }
    };
    Ok(SiteSettings {
        page: PageSettings {
            url: arguments.connect_url.clone(),
            keys,
            knows_users: proxy.is_some(),
        },
        proxy,
        brand: Brand {
            name: arguments.brand_name.clone(),
            support: arguments.support_contact.clone(),
        },
        lists_namespaced: options.people.people_namespaced_projects,
        webhook_secrets: arguments.webhook_secrets.clone(),
    })
}
