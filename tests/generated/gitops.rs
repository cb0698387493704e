//! What goes into Argo CD's ConfigMap: the scripts of the chart's folder `gitops`, for each kind.

use super::read;

/// The kinds, and the buttons that each has.
const KINDS: [(&str, &[&str]); 3] = [
    (
        "ConnectedAccount",
        &["reconcile", "new-link", "suspend", "resume"],
    ),
    ("ComposioProject", &["suspend", "resume"]),
    ("ClusterComposioProject", &["suspend", "resume"]),
];

fn script(name: &str) -> String {
    read(&format!("charts/composio-operator/gitops/{name}.lua"))
}

fn indented(text: &str, by: usize) -> String {
    let lines = text.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("{}{line}\n", " ".repeat(by)),
    });
    lines.collect()
}

pub(super) fn argocd_cm() -> String {
    let mut text = String::from(
        "# How Argo CD judges the objects, and the buttons that it shows. Made of health.lua and actions. Merge it into what is there:\n\
         # kubectl apply --server-side --field-manager=composio -f argocd-cm.yaml\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n  namespace: argocd\n  labels:\n    \
         app.kubernetes.io/part-of: argocd\ndata:\n",
    );
    for (kind, actions) in KINDS {
        text += &format!("  resource.customizations.health.composio.dev_{kind}: |\n");
        text += &indented(&script("health"), 4);
        text += &format!("  resource.customizations.actions.composio.dev_{kind}: |\n");
        text += "    discovery.lua: |\n";
        text += &indented(&script("actions/discovery"), 6);
        text += "    definitions:\n";
        for action in actions {
            text += &format!("      - name: {action}\n        action.lua: |\n");
            text += &indented(&script(&format!("actions/{action}")), 10);
        }
    }
    text
}
