# The agent in a container, on the switch or on a host near it.
#
#   build, on the processor of the machine that builds: Node.js, npm, esbuild ──► one executable for the processor of the image
#   final: a small Debian, the executable, nothing to build with. No command runs in it, so no emulation is needed for another processor.
#
#   docker build --tag dzd-telemetry .
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg SOURCE_COMMIT=$(git rev-parse HEAD) --tag REGISTRY/dzd-telemetry --push .
#
# The file system may be read-only, and the user is not root: compose.yaml shows both. Behind a registry of your own, hand its settings in with
# --secret id=npmrc,src=$HOME/.npmrc: they stay out of the image.
ARG NODE_IMAGE=node:24-bookworm-slim
ARG BASE_IMAGE=debian:bookworm-slim

FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --prefer-offline
COPY . .
ARG TARGETARCH=amd64
# What `dzd-telemetry --version --output json` gives as the commit: .git stays out of the build.
ARG SOURCE_COMMIT=
# The time in its bill of materials, in seconds since 1970.
ARG SOURCE_DATE_EPOCH=
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc node scripts/package.mjs --only executable --arch "$TARGETARCH" && mv out/dzd-telemetry* /dzd-telemetry

# Named, although it is the default: buildah 1.28 would take the platform of the stage above.
FROM --platform=$TARGETPLATFORM ${BASE_IMAGE}
COPY --from=build /dzd-telemetry /usr/bin/dzd-telemetry
COPY --from=build /src/out/THIRD-PARTY-NOTICES.txt /src/out/sbom.cdx.json /src/LICENSE /usr/share/doc/dzd-telemetry/
COPY --from=build /src/config /usr/share/doc/dzd-telemetry/config
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
WORKDIR /
STOPSIGNAL SIGTERM
# As packaging/launcher.sh has it.
ENV MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=32768
# Asks what http.listen serves by default; bash is in the base image, curl is not.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/50100; printf 'GET /-/healthy HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3; read -r line <&3; [[ $line == *' 200 '* ]]"]
ENTRYPOINT ["/usr/bin/dzd-telemetry"]
CMD ["run", "--config", "/etc/dzd-telemetry/config.yaml"]
