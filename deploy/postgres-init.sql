-- The databases and roles of one Postgres that holds Clearance's data and OpenFGA's. Run once by a superuser with psql:
-- Docker's Postgres image does so at its first start, `npm run parts` too.
\getenv owner_password CLEARANCE_OWNER_PASSWORD
\getenv app_password CLEARANCE_APP_PASSWORD
\getenv openfga_password OPENFGA_DATABASE_PASSWORD

-- Owns Clearance's tables: `clearance migrate` runs as it, in DATABASE_MIGRATION_URL.
CREATE ROLE clearance_owner LOGIN PASSWORD :'owner_password';
-- What the service may do is granted to this group by the migrations.
CREATE ROLE clearance_service NOLOGIN;
-- What `clearance serve` runs as, in DATABASE_URL.
CREATE ROLE clearance_app LOGIN PASSWORD :'app_password' IN ROLE clearance_service;
CREATE ROLE openfga LOGIN PASSWORD :'openfga_password';

CREATE DATABASE clearance OWNER clearance_owner;
REVOKE ALL ON DATABASE clearance FROM PUBLIC;
GRANT CONNECT ON DATABASE clearance TO clearance_service;

CREATE DATABASE openfga OWNER openfga;
REVOKE ALL ON DATABASE openfga FROM PUBLIC;

\connect clearance
-- Not a trusted extension: only a superuser can create it.
CREATE EXTENSION vector;
