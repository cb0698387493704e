//! The programs that tests use, and what they are built from.

use super::{Tool, Version, go};

pub(crate) const ETCD: Tool = Tool {
    name: "etcd",
    module: &go::KUBERNETES,
    package: "go.etcd.io/etcd/server/v3",
    ask: &["--version"],
    before: "etcd Version: ",
    oldest: Version(3, 5),
};

pub(crate) const KUBE_APISERVER: Tool = Tool {
    name: "kube-apiserver",
    module: &go::KUBERNETES,
    package: "k8s.io/kubernetes/cmd/kube-apiserver",
    ask: &["--version"],
    before: "Kubernetes v",
    oldest: Version(1, 33),
};

pub(crate) const KUBECTL: Tool = Tool {
    name: "kubectl",
    module: &go::KUBERNETES,
    package: "k8s.io/kubernetes/cmd/kubectl",
    ask: &["version", "--client", "-o", "json"],
    before: "\"gitVersion\": \"v",
    oldest: Version(1, 33),
};

pub(crate) const HELM: Tool = Tool {
    name: "helm",
    module: &go::KUBERNETES,
    package: "helm.sh/helm/v4/cmd/helm",
    ask: &["version", "--short"],
    before: "v",
    oldest: Version(4, 0),
};

/// The Helm before, which many still use.
pub(crate) const HELM3: Tool = Tool {
    name: "helm3",
    module: &go::HELM3,
    package: "helm.sh/helm/v3/cmd/helm",
    ask: &["version", "--short"],
    before: "v",
    oldest: Version(3, 17),
};

pub(crate) const PROMETHEUS: Tool = Tool {
    name: "prometheus",
    module: &go::PROMETHEUS,
    package: "github.com/prometheus/prometheus/cmd/prometheus",
    ask: &["--version"],
    before: "prometheus, version ",
    oldest: Version(0, 0),
};

pub(crate) const PROMTOOL: Tool = Tool {
    name: "promtool",
    module: &go::PROMETHEUS,
    package: "github.com/prometheus/prometheus/cmd/promtool",
    ask: &["--version"],
    before: "promtool, version ",
    oldest: Version(0, 0),
};

/// Has a registry that keeps everything in memory.
pub(crate) const CRANE: Tool = Tool {
    name: "crane",
    module: &go::REGISTRY,
    package: "github.com/google/go-containerregistry/cmd/crane",
    ask: &["version"],
    before: "",
    oldest: Version(0, 14),
};

/// Signs and verifies what is published.
pub(crate) const COSIGN: Tool = Tool {
    name: "cosign",
    module: &go::COSIGN,
    package: "github.com/sigstore/cosign/v3/cmd/cosign",
    ask: &["version"],
    before: "GitVersion:    v",
    oldest: Version(0, 0),
};

/// Ours: judges objects with the interpreters of Argo CD and Flux.
pub(crate) const GITOPS: Tool = Tool {
    name: "gitops",
    module: &go::GITOPS,
    package: "composio-operator/tests/kubernetes/gitops",
    ask: &["version"],
    before: "gitops ",
    oldest: Version(1, 0),
};

/// Ours: a plain operator of controller-runtime for the same custom resource.
pub(crate) const PEER: Tool = Tool {
    name: "peer",
    module: &go::PEER,
    package: "composio-operator/tests/peer",
    ask: &["version"],
    before: "peer ",
    oldest: Version(1, 0),
};

pub(crate) const KUBE_CONTROLLER_MANAGER: Tool = Tool {
    name: "kube-controller-manager",
    package: "k8s.io/kubernetes/cmd/kube-controller-manager",
    ..KUBE_APISERVER
};

pub(crate) const KUBE_SCHEDULER: Tool = Tool {
    name: "kube-scheduler",
    package: "k8s.io/kubernetes/cmd/kube-scheduler",
    ..KUBE_APISERVER
};

pub(crate) const KUBE_PROXY: Tool = Tool {
    name: "kube-proxy",
    package: "k8s.io/kubernetes/cmd/kube-proxy",
    ..KUBE_APISERVER
};

pub(crate) const KUBELET: Tool = Tool {
    name: "kubelet",
    package: "k8s.io/kubernetes/cmd/kubelet",
    ..KUBE_APISERVER
};
