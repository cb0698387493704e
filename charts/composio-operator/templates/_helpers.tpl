{{- define "composio-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* A release may be called 12345 or a.b. A Service may not: its name begins with a letter and has no dot. */}}
{{- define "composio-operator.fullname" -}}
{{- $name := include "composio-operator.name" . }}
{{- $full := .Values.fullnameOverride }}
{{- if and (not $full) (contains $name .Release.Name) }}
{{- $full = .Release.Name }}
{{- else if not $full }}
{{- $full = printf "%s-%s" .Release.Name $name }}
{{- end }}
{{- $full = replace "." "-" $full }}
{{- if regexMatch "^[0-9]" $full }}
{{- $full = printf "op-%s" $full }}
{{- end }}
{{- $full | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "composio-operator.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{/* Names of what is not in a namespace carry the release's: two releases do not meet. */}}
{{- define "composio-operator.clusterName" -}}
{{- printf "%s-%s" (include "composio-operator.namespace" .) (include "composio-operator.fullname" .) }}
{{- end }}

{{/* Whether the objects of a watched namespace can still be let go once its Role is gone: text, or nothing. */}}
{{- define "composio-operator.letsGo" -}}
{{- if and .Values.rbac.create .Values.rbac.letGo .Values.watchNamespaces -}}
true
{{- end }}
{{- end }}

{{/* Whether an admission policy protects what only the operator writes: text, or nothing. */}}
{{- define "composio-operator.protectsMarks" -}}
{{- $own := and .Values.rbac.create (include "composio-operator.hasProject" .) (eq (include "composio-operator.projectKind" .) "ClusterComposioProject") }}
{{- if ternary $own .Values.tenancy.protectMarks (kindIs "invalid" .Values.tenancy.protectMarks) -}}
true
{{- end }}
{{- end }}

{{- define "composio-operator.labels" -}}
{{- include "composio-operator.labelsAnd" (list . dict) }}
{{- end }}

{{/* The labels of every object, and more: each key once, as Helm 4 demands. What is said more specifically wins. */}}
{{- define "composio-operator.labelsAnd" -}}
{{- $root := first . }}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63)
  "app.kubernetes.io/managed-by" $root.Release.Service
  "app.kubernetes.io/part-of" (include "composio-operator.name" $root)
  "app.kubernetes.io/version" $root.Chart.AppVersion }}
{{- merge dict (last .) $root.Values.commonLabels $own | toYaml }}
{{- end }}

{{/* The annotations of an object's metadata, with those of every object; what is said more specifically wins. */}}
{{- define "composio-operator.annotations" -}}
{{- with merge dict (last .) (first .).Values.commonAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end }}

{{/* More labels of a pod: those of every object, and its own. Called with the root and the latter. */}}
{{- define "composio-operator.podLabels" -}}
{{- with merge dict (last .) (first .).Values.commonLabels }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* Called with the root, the pod's own annotations, and the container that kubectl takes if none is named. */}}
{{- define "composio-operator.podAnnotations" -}}
{{- merge dict (index . 1) (first .).Values.commonAnnotations (dict "kubectl.kubernetes.io/default-container" (last .)) | toYaml }}
{{- end }}

{{/* Settings of a Service about IPv4 and IPv6. */}}
{{- define "composio-operator.ipFamilies" -}}
{{- with .ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .ipFamilies }}
ipFamilies:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "composio-operator.selector" -}}
app.kubernetes.io/name: {{ include "composio-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "composio-operator.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "composio-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "composio-operator.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry }}
{{- $name := list $registry .Values.image.repository | compact | join "/" }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $name .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* What every pod of the program has in common. */}}
{{- define "composio-operator.container" -}}
image: {{ include "composio-operator.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
{{- end }}

{{- define "composio-operator.pod" -}}
{{- $secrets := list }}
{{- range concat (default list .Values.global.imagePullSecrets) .Values.imagePullSecrets }}
{{- $secrets = append $secrets (kindIs "string" . | ternary (dict "name" .) .) }}
{{- end }}
{{- with uniq $secrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
enableServiceLinks: {{ .Values.enableServiceLinks }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- if .Values.hostNetwork }}
hostNetwork: true
{{- end }}
{{- with default (ternary "ClusterFirstWithHostNet" "" .Values.hostNetwork) .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . | quote }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Whether the chart makes a project: text, or nothing. */}}
{{- define "composio-operator.hasProject" -}}
{{- if or .Values.project.create .Values.sandbox.enabled -}}
true
{{- end }}
{{- end }}

{{- define "composio-operator.projectKind" -}}
{{- ternary "ComposioProject" "ClusterComposioProject" (gt (len .Values.watchNamespaces) 0) }}
{{- end }}

{{- define "composio-operator.keySecret" -}}
{{- default (printf "%s-api-key" (include "composio-operator.fullname" .)) .Values.project.apiKeySecretRef.name }}
{{- end }}

{{/* What projects may name: the same for the operator and for the check. */}}
{{- define "composio-operator.reach" -}}
{{- $urls := include "composio-operator.baseUrls" . }}
- {{ printf "--allowed-base-urls=%s" $urls | quote }}
{{- if regexMatch "(?i)(^|,)http:" $urls }}
- --allow-http
{{- end }}
- {{ printf "--cluster-resource-namespace=%s" (include "composio-operator.namespace" .) | quote }}
{{- end }}

{{- define "composio-operator.scope" -}}
{{- with .Values.watchNamespaces }}
- {{ printf "--watch-namespace=%s" (join "," .) | quote }}
{{- end }}
{{- end }}

{{/* The base URLs that projects may name, separated by commas. */}}
{{- define "composio-operator.baseUrls" -}}
{{- $urls := default (list "https://backend.composio.dev") .Values.allowedBaseURLs }}
{{- if .Values.sandbox.enabled }}
{{- $urls = append $urls (include "composio-operator.sandboxUrl" .) }}
{{- else if .Values.project.create }}
{{- $urls = append $urls (default "https://backend.composio.dev" .Values.project.baseURL) }}
{{- end }}
{{- $urls | uniq | join "," }}
{{- end }}

{{- define "composio-operator.sandboxUrl" -}}
{{- if .Values.sandbox.enabled }}
{{- if .Values.hostNetwork }}
{{- printf "http://127.0.0.1:%d" (int .Values.sandbox.port) }}
{{- else }}
{{- printf "http://%s-sandbox.%s.svc:%d" (include "composio-operator.fullname" .) (include "composio-operator.namespace" .) (int .Values.sandbox.port) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Each name once, as Helm 4 demands: what extraEnv names is not the chart's to set. */}}
{{- define "composio-operator.env" -}}
{{- $env := list (dict "name" "RUST_LOG" "value" .Values.log.level) }}
{{- with .Values.proxy.http }}
{{- $env = append $env (dict "name" "HTTP_PROXY" "value" .) }}
{{- end }}
{{- with .Values.proxy.https }}
{{- $env = append $env (dict "name" "HTTPS_PROXY" "value" .) }}
{{- end }}
{{- with .Values.proxy.noProxy }}
{{- $env = append $env (dict "name" "NO_PROXY" "value" .) }}
{{- end }}
{{- if or .Values.customCA.configMap .Values.customCA.secret }}
{{- $env = append $env (dict "name" "SSL_CERT_DIR" "value" "/etc/ssl/certs:/etc/composio-operator/ca") }}
{{- end }}
{{- $extra := dict }}
{{- range .Values.extraEnv }}
{{- $_ := set $extra .name true }}
{{- end }}
{{- $all := list }}
{{- range $env }}
{{- if not (hasKey $extra .name) }}
{{- $all = append $all . }}
{{- end }}
{{- end }}
{{- concat $all .Values.extraEnv | toYaml }}
{{- end }}

{{/* The service account's token, for the container that needs it: the pod mounts it into no other. */}}
{{- define "composio-operator.tokenVolume" -}}
- name: service-account-token
  projected:
    defaultMode: 420
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3607
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                apiVersion: v1
                fieldPath: metadata.namespace
{{- end }}

{{- define "composio-operator.tokenMount" -}}
- name: service-account-token
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end }}

{{- define "composio-operator.volumes" -}}
{{- with .Values.stateKey.existingSecret.name }}
- name: state-key
  secret:
    secretName: {{ . | quote }}
    items:
      - key: {{ $.Values.stateKey.existingSecret.key | quote }}
        path: state-key
{{- end }}
{{- if .Values.connect.enabled }}
{{ include "composio-operator.connectKeyVolume" . | trim }}
{{- end }}
{{- with .Values.notify.secret }}
{{- if .name }}
- name: notify
  secret:
    secretName: {{ .name | quote }}
    items:
      {{- with .urlKey }}
      - key: {{ . | quote }}
        path: url
      {{- end }}
      {{- with .tokenKey }}
      - key: {{ . | quote }}
        path: token
      {{- end }}
{{- end }}
{{- end }}
{{- with .Values.customCA.configMap }}
- name: ca
  configMap:
    name: {{ . | quote }}
    items:
      - key: {{ $.Values.customCA.key | quote }}
        path: ca.crt
{{- end }}
{{- with .Values.customCA.secret }}
- name: ca
  secret:
    secretName: {{ . | quote }}
    items:
      - key: {{ $.Values.customCA.key | quote }}
        path: ca.crt
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "composio-operator.mounts" -}}
{{- if .Values.stateKey.existingSecret.name }}
- name: state-key
  mountPath: /var/run/composio-operator-state
  readOnly: true
{{- end }}
{{- if .Values.connect.enabled }}
- name: connect-key
  mountPath: /var/run/composio-connect
  readOnly: true
{{- end }}
{{- if .Values.notify.secret.name }}
- name: notify
  mountPath: /var/run/composio-notify
  readOnly: true
{{- end }}
{{- if or .Values.customCA.configMap .Values.customCA.secret }}
- name: ca
  mountPath: /etc/composio-operator/ca
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "composio-operator.connectName" -}}
{{- printf "%s-connect" (include "composio-operator.fullname" .) }}
{{- end }}

{{- define "composio-operator.connectKeySecret" -}}
{{- default (printf "%s-key" (include "composio-operator.connectName" .)) .Values.connect.key.existingSecret.name }}
{{- end }}

{{/* Whether a container beside the page says who comes, so that the page listens on loopback alone: text, or nothing. */}}
{{- define "composio-operator.connectSidecar" -}}
{{- if and .Values.connect.userHeader (not .Values.connect.proxySecret.existingSecret.name) -}}
true
{{- end }}
{{- end }}

{{/* What operator and page must be told alike. */}}
{{- define "composio-operator.connectArgs" -}}
{{- if .Values.connect.enabled }}
- {{ printf "--connect-url=%s" .Values.connect.url | quote }}
- --connect-key-file=/var/run/composio-connect/connect-key
{{- with .Values.connect.userHeader }}
- {{ printf "--connect-user-header=%s" . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Whom to tell, and how. */}}
{{- define "composio-operator.notifyArgs" -}}
{{- $notify := .Values.notify }}
{{- if or $notify.url $notify.secret.urlKey }}
{{- if $notify.url }}
- {{ printf "--notify-url=%s" $notify.url | quote }}
{{- else }}
- --notify-url-file=/var/run/composio-notify/url
{{- end }}
{{- if $notify.secret.tokenKey }}
- --notify-token-file=/var/run/composio-notify/token
{{- end }}
- {{ printf "--notify-format=%s" $notify.format | quote }}
{{- with $notify.projects }}
- {{ printf "--notify-projects=%s" (join "," .) | quote }}
{{- end }}
{{- with $notify.namespaces }}
- {{ printf "--notify-namespaces=%s" (join "," .) | quote }}
{{- end }}
{{- if $notify.namespacedProjects }}
- --people-namespaced-projects
{{- end }}
{{- with $notify.digest }}
- {{ printf "--notify-digest=%s" . | quote }}
{{- end }}
{{- if $notify.withToken }}
- --notify-with-token
{{- end }}
{{- if $notify.allowHTTP }}
- --notify-allow-http
{{- end }}
{{- end }}
{{- end }}

{{- define "composio-operator.connectKeyVolume" -}}
- name: connect-key
  secret:
    secretName: {{ include "composio-operator.connectKeySecret" . | quote }}
    items:
      - key: {{ .Values.connect.key.existingSecret.key | quote }}
        path: connect-key
{{- end }}

{{/* How long a duration of the schema's pattern is, in milliseconds. */}}
{{- define "composio-operator.milliseconds" -}}
{{- $sum := 0 }}
{{- range regexFindAll "[0-9]+(ms|s|m|h)" . -1 }}
{{- $worth := get (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000) (regexFind "[a-z]+" .) }}
{{- $sum = add $sum (mul (regexFind "[0-9]+" . | atoi) $worth) }}
{{- end }}
{{- $sum }}
{{- end }}

{{/* The port of a URL, of which the host may be an IPv6 address and the scheme may be missing. */}}
{{- define "composio-operator.port" -}}
{{- $url := lower . }}
{{- $authority := regexReplaceAll "^[a-z0-9]+://" $url "" | regexFind "^[^/?#]*" }}
{{- $port := regexReplaceAll "^.*@" $authority "" | regexFind ":[0-9]+$" | trimPrefix ":" }}
{{- default (ternary 443 80 (hasPrefix "https:" $url)) (atoi $port) }}
{{- end }}
