# The bot as a container: `ilab serve`, as nobody special, its data in /data. See docs/operating.md.
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/ilab \
    && /opt/ilab/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY handlers handlers
COPY sandbox sandbox
COPY sql sql
RUN /opt/ilab/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home ilab \
    && install -d -o ilab -m 0700 /data
COPY --from=build /opt/ilab /opt/ilab
ENV PATH=/opt/ilab/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    ILAB_DATA_DIR=/data \
    ILAB_WEB__HOST=0.0.0.0 \
    ILAB_WEB__PORT=8080
USER ilab
VOLUME /data
EXPOSE 8080
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=3)"]
ENTRYPOINT ["ilab"]
CMD ["serve"]
