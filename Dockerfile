# The image of the operator: one static binary and the public CA roots, nothing else.
#
#     docker build --build-arg VERSION=0.1.0 --build-arg COMMIT=$(git rev-parse HEAD) -t composio-operator:0.1.0 .
#
# `.ci/image` makes the same image without a Docker engine; that is the one which is built and run in every
# test run, on amd64. NOT proved by any test: this file, and arm64 (`docker build --platform linux/arm64`).
FROM rust:1-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY tests tests
ARG COMMIT=unknown
# Static glibc: since 2.34 it resolves names by itself. A target must be named, or build scripts would be
# static too and procedural macros could not be built.
RUN target=$(rustc -vV | sed -n 's/^host: //p') \
    && COMPOSIO_OPERATOR_REVISION="$COMMIT" RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --bin composio-operator --target "$target" \
    && cp "target/$target/release/composio-operator" /composio-operator

FROM scratch
ARG VERSION=dev
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="composio-operator" \
      org.opencontainers.image.description="Keeps Composio connected accounts as they are declared in Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /composio-operator /composio-operator
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/composio-operator"]
