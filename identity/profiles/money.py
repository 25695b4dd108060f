"""Money as whole minor units of an ISO 4217 currency. No Django.

Sums of which the currency may still change are kept in *ticks*, ten-thousandths of the major unit: as fine as any currency goes.
"""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

UNSAID = "USD"  # the Segment specification: a currency that is not given is the US dollar
_LARGEST_POWER = 12  # of ten; what lies beyond is no sum that a person paid
_TICK = 4  # decimals of a tick
_CODE = 3
_DIGITS = {
    **dict.fromkeys(
        (
            *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"),
            *("VND", "VUV", "XAF", "XOF", "XPF"),
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def digits(currency: str) -> int:
    """Return how many decimals a currency has (ISO 4217)."""
    return _DIGITS.get(currency, 2)


def currency(value: Any) -> str:
    """Read a currency code; "" for what is none."""
    code = value.strip().upper() if isinstance(value, str) else ""
    return code if len(code) == _CODE and code.isascii() and code.isalpha() else ""


def number(value: Any) -> Decimal | None:
    """Read a sum as shops send it, a number or its text; None for anything else, and for what is too large to be true."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(value) if isinstance(value, int) else Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and found.adjusted() < _LARGEST_POWER else None


def ticks(amount: Decimal) -> int | None:
    """Return a sum in ticks, halves away from zero; None when it is too large to be true."""
    if amount.adjusted() >= _LARGEST_POWER:
        return None
    return int(amount.scaleb(_TICK).to_integral_value(ROUND_HALF_UP))


def minor(ticks: int, code: str) -> int:
    """Return ticks as minor units of a currency, halves away from zero."""
    return int(Decimal(ticks).scaleb(digits(code) - _TICK).to_integral_value(ROUND_HALF_UP))


def major(units: int, code: str) -> Decimal:
    """Return minor units as the sum that people read: 459603958 USD is 4596039.58."""
    return Decimal(units).scaleb(-digits(code))
