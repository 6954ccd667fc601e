"""The harness's PostgreSQL keeps what was committed over a kill."""

import asyncpg
from harness.postgres import PostgresServer


async def test_a_killed_server_keeps_what_was_committed(own_postgres: PostgresServer) -> None:
    connection = await asyncpg.connect(own_postgres.dsn())
    await connection.execute("create table t (n int); insert into t values (7)")
    own_postgres.kill()
    own_postgres.start()
    connection.terminate()
    connection = await asyncpg.connect(own_postgres.dsn())
    assert await connection.fetchval("select n from t") == 7
    await connection.close()
