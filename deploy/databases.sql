-- Run once by the superuser when PostgreSQL is new (psql). Passwords are files below $KEYS.
--   airflow         owns Airflow's own database
--   triage_migrate  owns the database triage and migrates it
--   triage          what tasks connect as: the rights of triage_pipeline and no more
\set ON_ERROR_STOP on
\set airflow_password `cat "$KEYS/airflow"`
\set migrate_password `cat "$KEYS/triage_migrate"`
\set triage_password `cat "$KEYS/triage"`

CREATE ROLE triage_owner NOLOGIN;
CREATE ROLE triage_pipeline NOLOGIN;
CREATE ROLE triage_responder NOLOGIN;
CREATE ROLE triage_reader NOLOGIN;
CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE ROLE triage_migrate LOGIN PASSWORD :'migrate_password' IN ROLE triage_owner;
CREATE ROLE triage LOGIN PASSWORD :'triage_password' IN ROLE triage_pipeline;
CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE triage OWNER triage_migrate;
REVOKE CONNECT ON DATABASE airflow, triage FROM PUBLIC;
GRANT CONNECT ON DATABASE triage TO triage_owner, triage_pipeline, triage_responder, triage_reader;
