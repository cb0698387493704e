# The image of the operator: one static binary and the public CA roots, nothing else.
#
#     docker build --build-arg COMMIT=$(git rev-parse HEAD) -t composio-operator:0.1.0 .
#
# Whole-program optimisation takes minutes. For a trial, `--build-arg CARGO_PROFILE_RELEASE_LTO=off` leaves it out.
# What was built stays in the builder's cache, so that a second build compiles only what changed. `.ci/image` makes the
# same image from a binary that was built before, as a release does; `.ci/dockerfile` tries this file.
ARG RUST_IMAGE=docker.io/library/rust:1.95-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1
FROM ${RUST_IMAGE} AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY tests tests
ARG COMMIT=unknown
ARG CARGO_PROFILE_RELEASE_LTO=thin
ARG CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
ARG CARGO_PROFILE_RELEASE_OPT_LEVEL=s
# Static glibc: since 2.34 it resolves names by itself. A target must be named, or build scripts would be
# static too and procedural macros could not be built.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/build/target,sharing=locked \
    target=$(rustc -vV | sed -n 's/^host: //p') \
    && COMPOSIO_OPERATOR_REVISION="$COMMIT" RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --bin composio-operator --target "$target" \
    && cp "target/$target/release/composio-operator" /composio-operator

FROM scratch
ARG VERSION=0.1.0
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="composio-operator" \
      org.opencontainers.image.description="Keeps Composio connected accounts as they are declared in Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /composio-operator /composio-operator
# Whatever takes 8 kB or more, such as the buffers of a connection, gets pages of its own and gives them back: between what stays
# glibc would keep them for good.
ENV MALLOC_MMAP_THRESHOLD_=8192
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/composio-operator"]
