//! Values with which the chart is rendered.

/// Values with which the chart is installed, and what each is about.
pub(super) const COMBINATIONS: [(&str, &[&str]); 15] = [
    ("the least", &[]),
    (
        "a project with the release",
        &[r#"project={"create":true,"apiKeySecretRef":{"name":"composio"}}"#],
    ),
    (
        "a project for some",
        &[
            r#"project={"create":true,"name":"shared","apiKeySecretRef":{"name":"composio","key":"k"},"aliasPrefix":"eu","allow":[{"namespaceSelector":{"matchLabels":{"tier":"agents"}},"users":["{{namespace}}/*"],"toolkits":["gmail"]}]}"#,
        ],
    ),
    ("a trial", &[r#"sandbox={"enabled":true}"#]),
    (
        "a key in the values",
        &[r#"project={"create":true,"apiKey":"ak_1"}"#],
    ),
    (
        "a project for some namespaces",
        &[
            r#"project={"create":true,"apiKey":"ak_1","allow":[{"toolkits":["gmail"]}]}"#,
            r#"watchNamespaces=["some-namespace"]"#,
        ],
    ),
    (
        "marks that are protected in some namespaces",
        &[
            r#"watchNamespaces=["some-namespace"]"#,
            r#"tenancy={"protectMarks":true}"#,
        ],
    ),
    (
        "a sandbox that stays",
        &[r#"sandbox={"enabled":true,"keep":true}"#],
    ),
    (
        "some namespaces",
        &[
            r#"sandbox={"enabled":true}"#,
            r#"watchNamespaces=["some-namespace"]"#,
            r#"uninstall={"policy":"Drain","timeout":"5m"}"#,
            r#"rbac={"aggregate":false}"#,
        ],
    ),
    (
        "all namespaces, drained",
        &[
            r#"sandbox={"enabled":true}"#,
            r#"uninstall={"policy":"Drain"}"#,
        ],
    ),
    (
        "the host's network",
        &[
            r#"sandbox={"enabled":true}"#,
            "hostNetwork=true",
            r#"http={"host":"127.0.0.1","port":9080}"#,
        ],
    ),
    (
        "behind a proxy",
        &[
            r#"project={"create":true,"apiKeySecretRef":{"name":"composio","key":"k"},"baseURL":"https://composio.acme.example:8443/api"}"#,
            r#"proxy={"http":"http://proxy:3128","https":"http://u:p@proxy:3128/","noProxy":"10.0.0.0/8"}"#,
            r#"customCA={"configMap":"ca"}"#,
            r#"allowedBaseURLs=["https://composio.acme.example:8443/api","http://10.0.0.1:8090"]"#,
            r#"networkPolicy={"enabled":true,"from":[{"namespaceSelector":{}}]}"#,
        ],
    ),
    (
        "everything that watches",
        &[
            r#"sandbox={"enabled":true}"#,
            r#"metrics={"serviceMonitor":{"enabled":true,"labels":{"release":"p"}},"rules":{"enabled":true,"labels":{"release":"p"}},"dashboard":{"enabled":true}}"#,
            r#"networkPolicy={"enabled":true,"egress":[]}"#,
        ],
    ),
    (
        "what other charts have too",
        &[
            r#"sandbox={"enabled":true}"#,
            "enabled=true",
            r#"global={"imageRegistry":"registry.acme.example","imagePullSecrets":["a",{"name":"b"}],"other":1}"#,
            r#"imagePullSecrets=["b"]"#,
            r#"commonAnnotations={"owner":"platform"}"#,
            "replicaCount=2",
            "revisionHistoryLimit=0",
            r#"deploymentAnnotations={"reload":"true"}"#,
            r#"serviceAccount={"automount":false}"#,
            r#"hostAliases=[{"ip":"10.0.0.1","hostnames":["composio.acme.example"]}]"#,
            r#"dnsPolicy="None""#,
            r#"dnsConfig={"nameservers":["10.0.0.2"]}"#,
            r#"envFrom=[{"configMapRef":{"name":"more","optional":true}}]"#,
            r#"extraContainers=[{"name":"{{ .Release.Name }}-beside","image":"a","securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]"#,
            r#"extraInitContainers=[{"name":"before","image":"a","securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]"#,
            r#"livenessProbe={"failureThreshold":6}"#,
            r#"readinessProbe={"timeoutSeconds":2,"successThreshold":2}"#,
            r#"podDisruptionBudget={"minAvailable":"50%","unhealthyPodEvictionPolicy":"AlwaysAllow"}"#,
            r#"crds={"annotations":{"a":"b"}}"#,
            r#"connect={"enabled":true,"url":"https://connect.acme.com","replicaCount":1,"deploymentAnnotations":{"a":"b"},"service":{"ipFamilyPolicy":"SingleStack","ipFamilies":["IPv4"]}}"#,
            r#"metrics={"service":{"annotations":{"a":"b"},"ipFamilyPolicy":"SingleStack"},"serviceMonitor":{"enabled":true,"annotations":{"a":"b"},"scrapeTimeout":"10s","honorLabels":true,"relabelings":[{"action":"labeldrop","regex":"pod"}],"metricRelabelings":[{"action":"drop","regex":"process_.*"}]},"rules":{"enabled":true,"annotations":{"a":"b"},"alerts":{"ComposioThrottled":{"enabled":false},"ComposioAccessRefused":{"for":"1m","severity":"page"}}},"dashboard":{"enabled":true,"folder":"Agents","annotations":{"a":"b"}}}"#,
        ],
    ),
    (
        "everything else",
        &[
            r#"metrics={"service":{"enabled":false},"podMonitor":{"enabled":true}}"#,
            r#"image={"repository":"registry.acme.example/op","digest":"sha256:0123456789012345678901234567890123456789012345678901234567890123","pullPolicy":"Always"}"#,
            r#"imagePullSecrets=[{"name":"registry"}]"#,
            r#"crds={"enabled":false}"#,
            r#"customCA={"secret":"ca","key":"tls.crt"}"#,
            r#"serviceAccount={"create":true,"name":"someone","annotations":{"a":"b"}}"#,
            r#"log={"level":"debug","format":"json"}"#,
            r#"config={"pollInterval":"1m","concurrency":32,"keyInterval":"5m","maxProjectsPerNamespace":0}"#,
            r#"strategy={"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":0}}"#,
            r#"priorityClassName="system-cluster-critical""#,
            r#"nodeSelector={"kubernetes.io/os":"linux"}"#,
            r#"tolerations=[{"key":"a","operator":"Exists"}]"#,
            r#"affinity={"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"a","operator":"Exists"}]}]}}}"#,
            r#"topologySpreadConstraints=[]"#,
            r#"podAnnotations={"a":"b"}"#,
            r#"podLabels={"a":"b"}"#,
            r#"commonLabels={"team":"agents"}"#,
            r#"extraEnv=[{"name":"A","value":"b"}]"#,
            r#"extraArgs=["--stalled-interval=5m"]"#,
            r#"extraVolumes=[{"name":"e","emptyDir":{}}]"#,
            r#"extraVolumeMounts=[{"name":"e","mountPath":"/e"}]"#,
            r#"extraObjects=[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{ .Release.Name }}-extra"}}]"#,
        ],
    ),
];
