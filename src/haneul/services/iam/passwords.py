"""Login profiles: a user's password for the console, under the account's password policy.

Hashing is slow on purpose, so it happens in a thread, outside of any transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import string

from msgspec.structs import replace

from haneul.auth import tables
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam import account, entities
from haneul.services.iam.entities import Answer, Request, change, own_name, transact
from haneul.services.iam.errors import errors
from haneul.services.iam.resources import USER, USER_KEYS
from haneul.state.store import Reader, Writer

_SYMBOLS = frozenset("!@#$%^&*()_+-=[]{}|'")
_REMEMBERED = 24

Hash = tuple[bytes, bytes]


@operation(resource=USER, conditions=USER_KEYS)
async def create_login_profile(call: Call, request: Request) -> Answer:
    name = own_name(call, request)
    if "Password" not in request:
        raise errors.ValidationError("Must specify password")
    with call.read() as tx:
        _without_profile(tx, call, name)
        check_strength(account.password_policy(tx, call), request["Password"], name)
    digest, salt = await asyncio.to_thread(_hash, request["Password"])

    def create(tx: Writer) -> tables.User:
        user = _without_profile(tx, call, name)
        now = entities.now(call)
        reset, signin = bool(request.get("PasswordResetRequired")), request.get("MaxSigninSessionDuration")
        user.password = tables.Password(digest, salt, now, now, reset, max_signin=signin)
        entities.save(tx, call, user)
        return user

    return {"LoginProfile": _describe(await transact(call, create))}


@operation(resource=USER, conditions=USER_KEYS)
def get_login_profile(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        user, _ = _with_profile(tx, call, own_name(call, request))
    return {"LoginProfile": _describe(user)}


@operation(resource=USER, conditions=USER_KEYS)
async def update_login_profile(call: Call, request: Request) -> Answer:
    name = request["UserName"]
    with call.read() as tx:
        _, old = _with_profile(tx, call, name)
        policy = account.password_policy(tx, call)
    new = await _replacement(policy, old, request["Password"], name) if "Password" in request else None

    def update(tx: Writer) -> None:
        user, password = _with_profile(tx, call, name)
        if new is not None:
            password = _replaced(call, password, new)
        kept = None if request.get("ResetMaxSigninSessionDuration") else password.max_signin
        user.password = replace(
            password,
            reset_required=request.get("PasswordResetRequired", password.reset_required),
            max_signin=request.get("MaxSigninSessionDuration", kept),
        )
        entities.save(tx, call, user)

    await transact(call, update)
    return {}


@operation(resource=USER, conditions=USER_KEYS)
def delete_login_profile(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        user, _ = _with_profile(tx, call, own_name(call, request))
        user.password = None
        entities.save(tx, call, user)
    return {}


@operation(resource=USER, conditions=USER_KEYS)
async def change_password(call: Call, request: Request) -> Answer:
    """A user changes its own password, knowing the old one."""
    if call.principal.kind != "user":
        raise errors.InvalidUserType("Only IAM Users can change their own password.")
    name = call.principal.user_name
    with call.read() as tx:
        _, old = _with_profile(tx, call, name)
        policy = account.password_policy(tx, call)
    if not await asyncio.to_thread(verify, old, request["OldPassword"]):
        raise errors.AccessDenied("The old password was incorrect.")
    if policy is not None and policy.hard_expiry and _is_expired(call, old, policy):
        raise errors.AccessDenied("The password has expired; an administrator must set a new one.")
    new = await _replacement(policy, old, request["NewPassword"], name)

    def change_it(tx: Writer) -> None:
        user, password = _with_profile(tx, call, name)
        if password.digest != old.digest:
            raise errors.AccessDenied("The old password was incorrect.")
        user.password = _replaced(call, password, new)
        entities.save(tx, call, user)

    await transact(call, change_it)
    return {}


def verify(password: tables.Password, attempt: str) -> bool:
    """Is `attempt` the password?"""
    return hmac.compare_digest(_scrypt(attempt, password.salt), password.digest)


def check_strength(policy: tables.PasswordPolicy | None, password: str, user: str) -> None:
    """Raise PasswordPolicyViolation unless `password` is strong enough; without a policy AWS's default holds:
    eight characters of three kinds, and not the user's own name."""
    kinds = (
        any(letter in string.ascii_uppercase for letter in password),
        any(letter in string.ascii_lowercase for letter in password),
        any(letter in string.digits for letter in password),
        any(letter in _SYMBOLS for letter in password),
    )
    if policy is None:
        if len(password) < 8 or sum(kinds) < 3 or password == user:
            raise errors.PasswordPolicyViolation("Password does not conform to the account password policy.")
        return
    wrong = [
        (len(password) < policy.minimum_length, f"Password should have a minimum length of {policy.minimum_length}"),
        (policy.uppercase and not kinds[0], "Password should have at least one uppercase letter"),
        (policy.lowercase and not kinds[1], "Password should have at least one lowercase letter"),
        (policy.numbers and not kinds[2], "Password should have at least one number"),
        (policy.symbols and not kinds[3], "Password should have at least one symbol"),
    ]
    for is_wrong, message in wrong:
        if is_wrong:
            raise errors.PasswordPolicyViolation(message)


async def _replacement(policy: tables.PasswordPolicy | None, old: tables.Password, password: str, user: str) -> Hash:
    """The hash of a new password, unless it is too weak, or the policy remembers it as an old one."""
    check_strength(policy, password, user)
    remembered = policy.reuse if policy is not None and policy.reuse else 0
    history = ((old.digest, old.salt), *old.older)[:remembered]

    def work() -> Hash:
        for digest, salt in history:
            if hmac.compare_digest(_scrypt(password, salt), digest):
                raise errors.PasswordPolicyViolation("Password has been used too recently.")
        return _hash(password)

    return await asyncio.to_thread(work)


def _replaced(call: Call, old: tables.Password, new: Hash) -> tables.Password:
    history = ((old.digest, old.salt), *old.older)[:_REMEMBERED]
    return replace(old, digest=new[0], salt=new[1], changed=entities.now(call), reset_required=False, older=history)


def _is_expired(call: Call, password: tables.Password, policy: tables.PasswordPolicy) -> bool:
    return policy.max_age is not None and call.now() > password.changed + policy.max_age * 86_400


def _with_profile(tx: Reader, call: Call, name: str) -> tuple[tables.User, tables.Password]:
    user = entities.user(tx, call, name)
    if user.password is None:
        raise errors.NoSuchEntity(f"Login Profile for User {user.name} cannot be found.")
    return user, user.password


def _without_profile(tx: Reader, call: Call, name: str) -> tables.User:
    user = entities.user(tx, call, name)
    if user.password is not None:
        raise errors.EntityAlreadyExists(f"Login Profile for user {user.name} already exists.")
    return user


def _describe(user: tables.User) -> Answer:
    password = user.password
    if password is None:
        return {}
    return {
        "UserName": user.name,
        "CreateDate": password.created,
        "PasswordResetRequired": password.reset_required,
        "MaxSigninSessionDuration": password.max_signin,
    }


def _hash(password: str) -> Hash:
    salt = bytes.fromhex(tokens.random_hex(32))
    return _scrypt(password, salt), salt


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=1 << 13, r=8, p=1, dklen=32)
