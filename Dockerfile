# One image for every service of docker-compose.yml and of Airflow's Helm chart: exactly the packages of
# requirements.lock, then ours.
FROM python:3.11-slim-bookworm AS build
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock /src/
RUN pip install --require-hashes --no-deps -r /src/requirements.lock
COPY pyproject.toml README.md LICENSE /src/
COPY sql /src/sql
COPY plugins /src/plugins
COPY triage /src/triage
RUN pip install --no-deps --no-build-isolation /src

FROM python:3.11-slim-bookworm
# The chart's health checks call /entrypoint, as in Airflow's own image.
RUN useradd --uid 50000 --create-home --home-dir /opt/airflow airflow \
    && install --directory --owner=airflow /opt/airflow/hub /opt/airflow/logs /opt/airflow/ui \
        /keys/airflow /keys/postgres /keys/redis /stage \
    && printf '#!/bin/sh\nexec "$@"\n' > /entrypoint && chmod 755 /entrypoint
COPY --from=build /opt/venv /opt/venv
WORKDIR /opt/triage
COPY config config
COPY dags dags
COPY demo demo
COPY deploy deploy
COPY plugins/.airflowignore plugins/triage_plugin.py plugins/
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/triage/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/triage/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    TRIAGE_CONFIG=/opt/triage/config
USER airflow
CMD ["airflow", "info"]
