"""Primes and factors of bounded integers: proofs, not probabilities, in bounded time."""

from __future__ import annotations

from math import gcd

from worker_node.solver.limits import MAX_FACTOR, MAX_PRIME

_BASES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)


def _primes_below(limit: int) -> tuple[int, ...]:
    sieve = bytearray([1]) * limit
    sieve[:2] = b"\0\0"
    for number in range(2, int(limit**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return tuple(number for number in range(limit) if sieve[number])


_TRIAL_LIMIT = 10_000  # its cube is MAX_FACTOR: what trial division leaves has at most two prime factors
_TRIAL_PRIMES = _primes_below(_TRIAL_LIMIT)


def is_prime(number: int) -> bool:
    """Whether a number up to MAX_PRIME is prime, by Miller-Rabin with bases that are a proof in that
    range.
    """
    if number > MAX_PRIME:
        raise ValueError(f"{number} is above the range in which the bases are a proof")
    if number < 2:
        return False
    for prime in _BASES:
        if number % prime == 0:
            return number == prime
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(_passes(number, base, odd, twos) for base in _BASES)


def _passes(number: int, base: int, odd: int, twos: int) -> bool:
    value = pow(base, odd, number)
    if value in (1, number - 1):
        return True
    for _ in range(twos - 1):
        value = value * value % number
        if value == number - 1:
            return True
    return False


def factorize(number: int) -> list[tuple[int, int]]:
    """Prime factors of 1..MAX_FACTOR with their exponents, ascending; [] for 1."""
    if not 1 <= number <= MAX_FACTOR:
        raise ValueError(f"{number} is not from 1 to {MAX_FACTOR}")
    factors: dict[int, int] = {}
    rest = number
    for prime in _TRIAL_PRIMES:
        if prime * prime > rest:
            break
        while rest % prime == 0:
            factors[prime] = factors.get(prime, 0) + 1
            rest //= prime
    if rest > 1:
        for prime in (rest,) if is_prime(rest) else _split(rest):
            factors[prime] = factors.get(prime, 0) + 1
    return sorted(factors.items())


def _split(composite: int) -> tuple[int, int]:
    """The two prime factors of a composite that trial division left, by Pollard's rho; the smaller is below
    10**6.
    """
    root = int(composite**0.5)
    for candidate in (root, root + 1):
        if candidate * candidate == composite:
            return candidate, candidate
    step = 1
    while True:
        slow = fast = 2
        divisor = 1
        while divisor == 1:
            slow = (slow * slow + step) % composite
            fast = (fast * fast + step) % composite
            fast = (fast * fast + step) % composite
            divisor = gcd(abs(slow - fast), composite)
        if divisor != composite:
            return divisor, composite // divisor
        step += 1  # this sequence cycled without a factor; the next one is another sequence
