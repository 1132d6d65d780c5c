# Two stages: the binary is built with the pinned Bun, and runs alone in a small image without root.
FROM node:22-bookworm-slim AS build
WORKDIR /src
COPY package.json bun.lock bunfig.toml tsconfig.json ./
RUN npm install --global bun@1.4.5 && bun install --frozen-lockfile
COPY core-as core-as
COPY src src
ARG COMMIT=image
RUN FLOATIP_COMMIT=$COMMIT bun run build

# glibc is all that the binary needs of its system.
FROM debian:bookworm-slim
RUN useradd --uid 65532 --no-create-home --shell /usr/sbin/nologin floatip \
 && install --directory --owner 65532 --group 65532 /var/lib/floatip
COPY --from=build /src/dist/floatip /usr/local/bin/floatip
USER 65532:65532
VOLUME /var/lib/floatip
EXPOSE 9040 9041
ENTRYPOINT ["/usr/local/bin/floatip"]
CMD ["serve"]
