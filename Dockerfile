# The daemon with git and ssh; agents are not in it. Build on it to add yours:
#
#   docker build --target daemon -t mosaic-orchestrator .
#   docker run --rm --user "$(id -u):$(id -g)" --stop-timeout 60 -v "$PWD:/repo" mosaic-orchestrator
#
# The repository is mounted at /repo and must belong to the user the container runs as: git refuses others' repositories.
# The end of a container is the end of its workers: `docker exec … mosaic-orchestrator drain` lets them finish first.

ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
WORKDIR /source
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# What is needed to build is kept apart from what is needed to run; both are checked by hash.
COPY requirements.lock requirements-runtime.lock ./
RUN python -m venv /build && /build/bin/pip install --require-hashes -r requirements.lock \
 && python -m venv /opt/mosaic && /opt/mosaic/bin/pip install --require-hashes -r requirements-runtime.lock
COPY pyproject.toml README.md ./
COPY daemon daemon
COPY rails rails
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /opt/mosaic/bin/pip install --no-deps --no-index /wheel/*.whl \
 && /opt/mosaic/bin/pip uninstall --yes pip \
 && /opt/mosaic/bin/python -m compileall -q /opt/mosaic/lib

FROM python:${PYTHON}-slim AS daemon
# Versions of Debian's packages are left to Debian: it mends them, and a pinned one is gone with the next mend.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git openssh-client tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 mosaic
COPY --from=build /opt/mosaic /opt/mosaic
# Whoever it runs as has a home that can be written.
RUN install -d -m 1777 /var/lib/mosaic
ENV PATH=/opt/mosaic/bin:$PATH HOME=/var/lib/mosaic PYTHONUNBUFFERED=1
USER mosaic
WORKDIR /repo
VOLUME /repo
STOPSIGNAL SIGTERM
# The daemon answers on its socket, and its loop goes on.
HEALTHCHECK --interval=60s --timeout=15s --start-period=60s CMD ["mosaic-orchestrator", "status", "--alive"]
# Workers leave orphans to process 1, which has to reap them.
ENTRYPOINT ["tini", "--", "mosaic-orchestrator"]
CMD ["run", "--log-format", "json"]
