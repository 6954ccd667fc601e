"""The textbook worker: a synchronous FastAPI endpoint, an ORM session and a commit for each row.

It is what a tutorial teaches, with its defaults: a connection pool, uvicorn, pydantic models. It uses the
same solver, so that the difference is in how answers are stored, and its table has no index but the primary
key, which is in its favour.
"""

from __future__ import annotations

import os
import uuid
from datetime import datetime

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import URL, create_engine, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
from worker_node.solver import ExpressionError, solve

engine = create_engine(
    URL.create(
        "postgresql+psycopg",
        username=os.environ["PGUSER"],
        password=os.environ["PGPASSWORD"],
        host=os.environ["PGHOST"],
        port=int(os.environ["PGPORT"]),
        database=os.environ["PGDATABASE"],
    ),
    pool_size=20,
    max_overflow=20,
)
SessionLocal = sessionmaker(engine)


class Base(DeclarativeBase):
    """The ORM's base."""


class Result(Base):
    """A row."""

    __tablename__ = "reference_results"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    expression: Mapped[str]
    status: Mapped[str]
    result: Mapped[str]
    decimal: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Problem(BaseModel):
    """A request."""

    id: uuid.UUID
    expression: str


class Solved(BaseModel):
    """An answer."""

    id: uuid.UUID
    expression: str
    status: str
    result: str
    decimal: str | None


application = FastAPI()


@application.post("/solve")
def solve_problem(problem: Problem) -> Solved:
    """Solve, store, commit, answer."""
    try:
        answer = solve(problem.expression)
    except ExpressionError as error:
        raise HTTPException(422, error.detail) from None
    # Not as a dependency: FastAPI closes those in the same thread pool, and under this load 40
    # threads that wait for a connection would keep the 40 sessions that hold one from closing.
    with SessionLocal() as session:
        row = Result(
            id=problem.id,
            expression=problem.expression,
            status=answer.status,
            result=answer.result,
            decimal=answer.decimal,
        )
        session.add(row)
        session.commit()
        return Solved(
            id=row.id, expression=row.expression, status=row.status, result=row.result, decimal=row.decimal
        )


@application.get("/readyz")
def readyz() -> str:
    """Ready."""
    return "ready"


if __name__ == "__main__":
    Base.metadata.create_all(engine)
    uvicorn.run(
        application,
        host=os.environ["LISTEN_HOST"],
        port=int(os.environ["LISTEN_PORT"]),
        log_level="warning",
    )
