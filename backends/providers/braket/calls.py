"""Calls of AWS, and what their failures mean.

The call that pays is made once: botocore's own retries are off for it, so that every answer tells
of one call alone. Calls that ask are repeated by botocore a few times; asking twice does no harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore import exceptions as aws

from backends.adapter import (
    Declined,
    Doubtful,
    ProviderError,
    RateLimited,
    Refused,
    Unavailable,
    UnknownJob,
    Unusable,
)

_LOG_IN = (
    "set up credentials where AWS looks for them ('aws configure', 'aws sso login', AWS_PROFILE "
    "or AWS_ACCESS_KEY_ID) and check them with 'aws sts get-caller-identity'"
)
_BAD_CREDENTIALS = {
    "ExpiredToken": "the AWS session has expired",
    "ExpiredTokenException": "the AWS session has expired",
    "InvalidClientTokenId": "AWS does not know these credentials",
    "UnrecognizedClientException": "AWS does not know these credentials",
    "InvalidSignatureException": "AWS does not accept these credentials",
    "SignatureDoesNotMatch": "AWS does not accept these credentials",
    "MissingAuthenticationToken": "no AWS credentials were sent",
}
_NO_CREDENTIALS = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.TokenRetrievalError,
    aws.UnauthorizedSSOTokenError,
    aws.SSOTokenLoadError,
    aws.NoAuthTokenError,
)
_THROTTLED = ("ThrottlingException", "Throttling", "TooManyRequestsException", "SlowDown")

_REMEDIES = {
    "AccessDeniedException": "have the IAM policy 'AmazonBraketFullAccess', or one with this "
    "action, attached to your user or role",
    "AccessDenied": "check that your user or role may use this bucket",
    "DeviceOfflineException": "go on with 'enclone resume' when the device is online again",
    "DeviceRetiredException": "choose a device that is in service",
    "ServiceQuotaExceededException": "wait until other tasks have ended, or ask AWS for a higher "
    "quota, then go on with 'enclone resume'",
    "NoSuchBucket": "make the bucket, or name another one in 'backend.braket.s3'",
}
_SECRET = re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{12,}|[A-Za-z0-9/+=]{40,}")


MISREAD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What reading an answer raises that is not of the shape it should have."""


@contextmanager
def aws_call(what: str, *, pays: bool = False, of_a_job: bool = False) -> Iterator[None]:
    """Turn what AWS and its client raise into the errors of the adapter contract.

    Args:
        what: the call in words, as in ``asking where task … stands``.
        pays: whether the call makes a task.
        of_a_job: whether the call is about one task, so that 404 says that there is none.

    Raises:
        Refused: a paying call that was not sent.
        Declined: a paying call that was answered with a refusal.
        Doubtful: a paying call that may have made a task.
        UnknownJob: there is no such task.
        Unusable: credentials or region must be set up first.
        Unavailable: a question without an answer.
        ProviderError: a question that was refused.
    """
    try:
        yield
    except aws.ClientError as error:
        raise _refusal(what, error, pays=pays, of_a_job=of_a_job) from error
    except _NO_CREDENTIALS as error:
        unset = Refused if pays else Unusable
        raise unset(f"{what} was not tried: {_said(error)}", remedy=_LOG_IN) from error
    except aws.ProfileNotFound as error:
        remedy = "name a profile of ~/.aws/config in 'backend.braket.profile' or AWS_PROFILE"
        raise Unusable(f"{what} was not tried: {_said(error)}", remedy=remedy) from error
    except aws.NoRegionError as error:
        remedy = "set 'backend.braket.region' or AWS_REGION"
        raise Unusable(f"{what} was not tried: {_said(error)}", remedy=remedy) from error
    except aws.HTTPClientError as error:
        if "Invalid header value" not in str(error):
            raise no_answer(what, _said(error), pays=pays) from error
        unsendable = Refused if pays else Unusable
        message = f"{what} was not tried: the AWS key holds a line break or another character"
        raise unsendable(f"{message} that no key has", remedy=_LOG_IN) from error
    except aws.ParamValidationError as error:
        invalid: type[ProviderError] = Refused if pays else ProviderError
        raise invalid(f"{what} was not tried: {_said(error)}") from error
    except (aws.BotoCoreError, OSError, *MISREAD) as error:
        raise no_answer(what, _said(error), pays=pays) from error


def no_answer(what: str, why: str, code: str = "", *, pays: bool = False) -> ProviderError:
    """The error of a call whose answer cannot be used."""
    message = f"{what} got no usable answer: {why}"
    if pays:
        remedy = "a task may have been made: look for its tag before sending it again"
        return Doubtful(message, code=code, remedy=remedy)
    return Unavailable(message, code=code, remedy="ask again: asking twice does no harm")


def _refusal(what: str, error: aws.ClientError, *, pays: bool, of_a_job: bool) -> ProviderError:
    answer: Mapping[str, Any] = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    said = without_secrets(str(answer.get("Error", {}).get("Message", "")) or code)
    metadata = answer.get("ResponseMetadata", {})
    status = int(metadata.get("HTTPStatusCode", 0))
    if status == 429 or code in _THROTTLED:
        wait = _seconds(metadata.get("HTTPHeaders", {}).get("retry-after"))
        message = f"{what} was refused because there were too many calls: {said}"
        remedy = "call again later" if wait is None else f"call again after {wait:g} s"
        if pays:
            return Declined(message, code=code, remedy=remedy, again=True, retry_after_seconds=wait)
        return RateLimited(message, code=code, remedy=remedy, retry_after_seconds=wait)
    if not 400 <= status < 500:
        return no_answer(what, f"HTTP {status}: {said}", code, pays=pays)
    message = f"{what} was refused: {code}: {said}"
    if code in _BAD_CREDENTIALS:
        message = f"{what} was refused ({code}: {said}): {_BAD_CREDENTIALS[code]}"
    remedy = _LOG_IN if code in _BAD_CREDENTIALS else _REMEDIES.get(code, "")
    if pays:
        return Declined(message, code=code, remedy=remedy or "change what the service objects to")
    if code in _BAD_CREDENTIALS:
        return Unusable(message, code=code, remedy=remedy)
    if status == 404 and of_a_job:
        remedy = remedy or "check the name, and that this is the account and region it belongs to"
        return UnknownJob(message, code=code, remedy=remedy)
    return ProviderError(message, code=code, remedy=remedy or "check your access to Amazon Braket")


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _said(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"the answer lacks {error}"
    if isinstance(error, MISREAD):
        return f"{type(error).__name__}: {without_secrets(str(error))}"
    return without_secrets(str(error) or type(error).__name__)


def without_secrets(text: str) -> str:
    """One line, in which nothing is left that could be a key or a token."""
    return _SECRET.sub("…", " ".join(text.split()))
