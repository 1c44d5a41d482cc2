# The image of every part that runs our code: workers, and the one-shot commands before them.
# The base is named by tag: a digest is to be pinned where images are built and kept.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements-image.txt ./
RUN pip download --require-hashes --only-binary :all: --dest wheels --requirement requirements-image.txt
# from here on nothing is fetched: wheels/ holds what was locked and verified, one version of each
COPY pyproject.toml README.md ./
COPY agents agents
COPY migrations migrations
COPY models models
COPY terrafusion terrafusion
COPY topics topics
# hadolint ignore=DL3013
RUN pip install --no-index --find-links wheels hatchling editables \
    && pip wheel --no-deps --no-build-isolation --wheel-dir wheels . \
    && python -m venv --without-pip /opt/terrafusion \
    && pip --python /opt/terrafusion/bin/python install --no-index --find-links wheels terrafusion-market-analysis

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="TerraFusion Market Analysis" \
      org.opencontainers.image.description="Event-driven market analysis for county assessment offices" \
      org.opencontainers.image.licenses="Proprietary"
RUN groupadd --gid 10001 terrafusion \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/terrafusion --shell /usr/sbin/nologin terrafusion \
    && install --directory --owner 10001 --group 10001 \
       /var/lib/terrafusion /var/lib/terrafusion/cache /var/lib/terrafusion/results
COPY --from=build /opt/terrafusion /opt/terrafusion
ENV PATH=/opt/terrafusion/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONFAULTHANDLER=1 \
    TERRAFUSION_DATA_DIR=/var/lib/terrafusion/cache \
    TERRAFUSION_RESULTS_URL=file:///var/lib/terrafusion/results \
    TERRAFUSION_LOG_FORMAT=json
USER 10001:10001
WORKDIR /var/lib/terrafusion
VOLUME ["/var/lib/terrafusion/cache", "/var/lib/terrafusion/results"]
EXPOSE 6066
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ.get('TERRAFUSION_HTTP_PORT', '6066') + '/readyz', timeout=4)"]
ENTRYPOINT ["terrafusion"]
CMD ["worker"]
