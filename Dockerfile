# The image of Firesteel: every command of it, as a user without rights.
#
#   docker build -t firesteel:0.1.0 .
#   docker run --rm firesteel:0.1.0 --help
#
# config/docker/compose.yaml runs a whole cluster. It builds from a checkout, and from an installed package as well
# (docker build node_modules/firesteel).

FROM node:22-bookworm-slim AS package
WORKDIR /package
COPY . .
# A checkout is built first. An installed package has its programs.
RUN if [ -f package-lock.json ]; then npm ci --ignore-scripts && npm run build; fi
RUN npm pack --ignore-scripts --pack-destination /tmp \
 && npm install --global --prefix /firesteel --omit=dev --no-audit --no-fund /tmp/firesteel-*.tgz

FROM node:22-bookworm-slim
COPY --from=package /firesteel /usr/local
# Its state, and what drivers and executors write. Mount a volume there to keep it.
RUN mkdir -m 0700 /var/lib/firesteel && chown node:node /var/lib/firesteel
WORKDIR /var/lib/firesteel
USER node
# Actors of a Master, its pages, pages of a Worker. A Worker's actors have any free port, unless its file names one.
EXPOSE 7070 8080 8081
ENTRYPOINT ["/usr/local/lib/node_modules/firesteel/config/docker/entrypoint.sh"]
CMD ["--help"]
