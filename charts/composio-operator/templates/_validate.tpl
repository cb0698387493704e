{{/* What the schema cannot say, because it concerns several values. */}}
{{- define "composio-operator.validate" -}}
{{- include "composio-operator.validateNamesOfValues" . }}
{{- include "composio-operator.validateProject" . }}
{{- include "composio-operator.validateConnect" . }}
{{- include "composio-operator.validateNotify" . }}
{{- include "composio-operator.validateTogether" . }}
{{- include "composio-operator.validateFlags" . }}
{{- include "composio-operator.validateNames" . }}
{{- end }}

{{- define "composio-operator.validateProject" -}}
{{- $key := or .Values.project.apiKeySecretRef.name .Values.project.apiKey }}
{{- if .Values.sandbox.enabled }}
{{- if $key }}
{{- fail "sandbox.enabled excludes project.apiKeySecretRef.name and project.apiKey: the operator would send the key in clear text to the sandbox, which has a key of its own. Take them away, or set sandbox.enabled=false" }}
{{- end }}
{{- if .Values.project.baseURL }}
{{- fail "sandbox.enabled excludes project.baseURL: the project that the chart makes is the sandbox's" }}
{{- end }}
{{- else if .Values.project.create }}
{{- if not $key }}
{{- fail "project.create needs an API key: name its Secret in project.apiKeySecretRef.name, or give project.apiKey for a trial" }}
{{- end }}
{{- else if or $key .Values.project.baseURL .Values.project.aliasPrefix .Values.project.allow }}
{{- fail "project is given, and project.create is not set: nothing would be made of it" }}
{{- end }}
{{- if and .Values.project.apiKeySecretRef.name .Values.project.apiKey }}
{{- fail "project.apiKeySecretRef.name and project.apiKey exclude each other" }}
{{- end }}
{{- if .Values.watchNamespaces }}
{{- range default list .Values.project.allow }}
{{- if or (hasKey . "namespaces") (hasKey . "namespaceSelector") }}
{{- fail "project.allow names namespaces, and with watchNamespaces a ComposioProject is made in each of these: only objects of its own namespace can refer to one" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "composio-operator.validateConnect" -}}
{{- $connect := .Values.connect }}
{{- if $connect.enabled }}
{{- if not $connect.url }}
{{- fail "connect.enabled needs connect.url: where people open the page, such as https://connect.acme.com" }}
{{- end }}
{{- if and (include "composio-operator.connectSidecar" .) (or (not $connect.extraContainers) (not $connect.service.targetPort)) }}
{{- fail "connect.userHeader counts only from a proxy that proves to be it: put the proxy beside the page (connect.extraContainers) and have the Service lead to its port (connect.service.targetPort), or share a secret with it (connect.proxySecret.existingSecret.name)" }}
{{- end }}
{{- if and $connect.proxySecret.existingSecret.name (not $connect.userHeader) }}
{{- fail "connect.proxySecret is given, and connect.userHeader is not: nothing would be made of it" }}
{{- end }}
{{- if and $connect.httpRoute.enabled (not $connect.httpRoute.parentRefs) }}
{{- fail "connect.httpRoute.enabled needs connect.httpRoute.parentRefs: the Gateway that it belongs to" }}
{{- end }}
{{- else if or $connect.url $connect.webhooks $connect.userHeader $connect.ingress.enabled $connect.httpRoute.enabled }}
{{- fail "connect is given, and connect.enabled is not set: nothing would be made of it" }}
{{- end }}
{{- end }}

{{- define "composio-operator.validateNotify" -}}
{{- $notify := .Values.notify }}
{{- $secret := $notify.secret }}
{{- if and $notify.url $secret.urlKey }}
{{- fail "notify.url and notify.secret.urlKey exclude each other" }}
{{- end }}
{{- if and (or $secret.urlKey $secret.tokenKey) (not $secret.name) }}
{{- fail "notify.secret.urlKey and tokenKey need notify.secret.name: the Secret that they are keys of" }}
{{- end }}
{{- if and $secret.name (not (or $secret.urlKey $secret.tokenKey)) }}
{{- fail "notify.secret.name needs urlKey, tokenKey or both: which keys of the Secret hold what" }}
{{- end }}
{{- if or $notify.url $secret.urlKey }}
{{- if and (hasPrefix "http://" $notify.url) (not $notify.allowHTTP) }}
{{- fail "notify.url is http://: messages and the token would be sent in clear text. Use https://, or set notify.allowHTTP" }}
{{- end }}
{{- if and $notify.withToken (ne $notify.format "cloudevents") }}
{{- fail "notify.withToken needs notify.format=cloudevents: whoever reads a channel could open the pages of others" }}
{{- end }}
{{- if and $notify.withToken $notify.digest }}
{{- fail "notify.withToken and notify.digest exclude each other: whoever reads a digest could open the pages of all who are in it" }}
{{- end }}
{{- else if or $secret.name $notify.projects $notify.namespaces $notify.namespacedProjects $notify.digest $notify.withToken $notify.allowHTTP }}
{{- fail "notify is given, and neither notify.url nor notify.secret.urlKey is: nobody would be notified" }}
{{- end }}
{{- end }}

{{- define "composio-operator.validateTogether" -}}
{{- if and (hasKey .Values "enabled") (not .Values.enabled) }}
{{- fail "enabled is false, and the chart is rendered all the same: it is for a chart that holds this one, as the condition of the dependency" }}
{{- end }}
{{- if not (or (kindIs "invalid" .Values.podDisruptionBudget.minAvailable) (kindIs "invalid" .Values.podDisruptionBudget.maxUnavailable)) }}
{{- fail "podDisruptionBudget.minAvailable and podDisruptionBudget.maxUnavailable exclude each other" }}
{{- end }}
{{- if not .Values.leaderElection.enabled }}
{{- if gt (int .Values.replicaCount) 1 }}
{{- fail "replicaCount above 1 needs leaderElection.enabled, or they would all work at once" }}
{{- end }}
{{- if and .Values.strategy (ne (default "RollingUpdate" .Values.strategy.type) "Recreate") }}
{{- fail "strategy must be {type: Recreate} when leaderElection.enabled is false: in a rolling update two pods would work at once" }}
{{- end }}
{{- end }}
{{- if eq .Values.uninstall.policy "Drain" }}
{{- if not (int .Values.replicaCount) }}
{{- fail "uninstall.policy=Drain needs a replicaCount of at least 1: without an operator nobody ends the accounts, and helm uninstall would wait in vain" }}
{{- end }}
{{- if .Values.namespaceOverride }}
{{- fail "uninstall.policy=Drain excludes namespaceOverride: the Job sees by the release's own namespace that Helm uninstalls it, and would delete nothing" }}
{{- end }}
{{- if not .Values.rbac.create }}
{{- fail "uninstall.policy=Drain needs rbac.create: the Job that drains has an account and rights of its own" }}
{{- end }}
{{- end }}
{{- with .Values.configMaps.namespaces }}
{{- if not $.Values.rbac.create }}
{{- fail "configMaps.namespaces needs rbac.create: it is a Role in each of them. Without it make the Roles yourself, by files/config-map-rules.yaml of the chart" }}
{{- end }}
{{- range . }}
{{- if and $.Values.watchNamespaces (not (has . $.Values.watchNamespaces)) }}
{{- fail (printf "configMaps.namespaces has %s, and watchNamespaces has not: no object there is served" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.customCA.configMap .Values.customCA.secret }}
{{- fail "customCA.configMap and customCA.secret exclude each other" }}
{{- end }}
{{- if and .Values.hostNetwork .Values.sandbox.enabled (eq (int .Values.http.port) (int .Values.sandbox.port)) }}
{{- fail "http.port and sandbox.port must differ when hostNetwork is true" }}
{{- end }}
{{- end }}

{{/* By files/flags.json, which is generated from the program. */}}
{{- define "composio-operator.validateFlags" -}}
{{- $flags := .Files.Get "files/flags.json" | fromJson }}
{{- range $name, $value := .Values.config }}
{{- include "composio-operator.validateDuration" (list (print "config." $name) $value (get $flags.config $name)) }}
{{- end }}
{{- with .Values.notify.digest }}
{{- include "composio-operator.validateDuration" (list "notify.digest" . $flags.config.leaseDuration) }}
{{- end }}
{{- include "composio-operator.validateDuration" (list "uninstall.timeout" .Values.uninstall.timeout $flags.config.leaseDuration) }}
{{- if .Values.leaderElection.enabled }}
{{- $timing := dict }}
{{- range $name := list "leaseDuration" "renewDeadline" "retryPeriod" }}
{{- $value := default (get $flags.config $name).default (get $.Values.config $name) }}
{{- $_ := set $timing $name (dict "text" $value "ms" (include "composio-operator.milliseconds" $value | atoi)) }}
{{- end }}
{{- if le $timing.leaseDuration.ms $timing.renewDeadline.ms }}
{{- fail (printf "config.leaseDuration (%s) must be longer than config.renewDeadline (%s): a leader stops before another one begins" $timing.leaseDuration.text $timing.renewDeadline.text) }}
{{- end }}
{{- if lt $timing.renewDeadline.ms (mul 2 $timing.retryPeriod.ms | int) }}
{{- fail (printf "config.renewDeadline (%s) must be at least twice config.retryPeriod (%s): one lost try is no reason to stop" $timing.renewDeadline.text $timing.retryPeriod.text) }}
{{- end }}
{{- end }}
{{- range .Values.extraArgs }}
{{- $flag := regexFind "^--[a-z0-9-]+" . | trimPrefix "--" }}
{{- with get $flags.own $flag }}
{{- fail (printf "extraArgs: --%s is set by the chart: use %s" $flag .) }}
{{- end }}
{{- range $name, $_ := $.Values.config }}
{{- if eq (get $flags.config $name).flag $flag }}
{{- fail (printf "extraArgs: --%s is in config.%s too: take one of them away" $flag $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- range .Values.extraEnv }}
{{- $name := .name }}
{{- with get $flags.ownEnv $name }}
{{- fail (printf "extraEnv: %s is set by the chart: use %s" $name .) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "composio-operator.validateDuration" -}}
{{- $value := index . 1 }}
{{- $flag := index . 2 }}
{{- if $flag.maximum }}
{{- $ms := include "composio-operator.milliseconds" $value | atoi }}
{{- if or (lt $ms ($flag.minimumMs | int)) (gt $ms ($flag.maximumMs | int)) }}
{{- fail (printf "%s is %s: it must be at least %s and at most %s" (first .) $value $flag.minimum $flag.maximum) }}
{{- end }}
{{- end }}
{{- end }}

{{/* A key that stands twice is refused by Helm 4, and a pod that its selector does not find by the apiserver. */}}
{{- define "composio-operator.validateNames" -}}
{{- $labels := dict "commonLabels" .Values.commonLabels "podLabels" .Values.podLabels
  "metrics.serviceMonitor.labels" .Values.metrics.serviceMonitor.labels
  "metrics.podMonitor.labels" .Values.metrics.podMonitor.labels
  "metrics.rules.labels" .Values.metrics.rules.labels
  "metrics.dashboard.labels" .Values.metrics.dashboard.labels
  "connect.podLabels" .Values.connect.podLabels }}
{{- range $where, $given := $labels }}
{{- range list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" }}
{{- if hasKey $given . }}
{{- fail (printf "%s: %s is the chart's own, by which selectors find what belongs to the release" $where .) }}
{{- end }}
{{- end }}
{{- end }}
{{- include "composio-operator.validateOnce" (list "extraContainers" "name" (concat .Values.extraContainers .Values.extraInitContainers) (list "operator")) }}
{{- include "composio-operator.validateOnce" (list "connect.extraContainers" "name" .Values.connect.extraContainers (list "connect")) }}
{{- include "composio-operator.validateOnce" (list "connect.extraVolumes" "name" .Values.connect.extraVolumes (list "service-account-token" "connect-key" "proxy-secret" "webhooks")) }}
{{- include "composio-operator.validateOnce" (list "extraEnv" "name" .Values.extraEnv list) }}
{{- include "composio-operator.validateOnce" (list "extraVolumes" "name" .Values.extraVolumes (list "service-account-token" "state-key" "connect-key" "notify" "ca")) }}
{{- include "composio-operator.validateOnce" (list "extraVolumeMounts" "mountPath" .Values.extraVolumeMounts (list "/var/run/secrets/kubernetes.io/serviceaccount" "/var/run/composio-operator-state" "/var/run/composio-connect" "/var/run/composio-notify" "/etc/composio-operator/ca")) }}
{{- end }}

{{- define "composio-operator.validateOnce" -}}
{{- $where := index . 0 }}
{{- $key := index . 1 }}
{{- $seen := index . 3 }}
{{- range index . 2 }}
{{- $name := get . $key }}
{{- if has $name $seen }}
{{- fail (printf "%s: %s %s is there twice, or is the chart's own" $where $key $name) }}
{{- end }}
{{- $seen = append $seen $name }}
{{- end }}
{{- end }}
