# The daemon with git and ssh; agents are not in it. Build on it to add yours:
#
#   docker build -t mosaic-orchestrator .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/repo" mosaic-orchestrator run
#
# The repository is mounted at /repo and must belong to the user the container runs as: git refuses others' repositories.
# The end of a container is the end of its workers: `docker exec … mosaic-orchestrator drain` lets them finish first.

FROM python:3.12-slim AS build
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
 && /opt/mosaic/bin/python -m compileall -q /opt/mosaic/lib

FROM python:3.12-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git openssh-client tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 mosaic
COPY --from=build /opt/mosaic /opt/mosaic
ENV PATH=/opt/mosaic/bin:$PATH PYTHONUNBUFFERED=1
USER mosaic
WORKDIR /repo
# Workers leave orphans to process 1, which has to reap them.
ENTRYPOINT ["tini", "--", "mosaic-orchestrator"]
CMD ["run"]
