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


@contextmanager
def aws_call(what: str, *, pays: bool = False) -> Iterator[None]:
    """Turn what AWS and its client raise into the errors of the adapter contract.

    Args:
        what: the call in words, as in ``asking where task … stands``.
        pays: whether the call makes a task.

    Raises:
        Refused: a paying call that made nothing.
        Doubtful: a paying call that may have made a task.
        UnknownJob: there is no such thing.
        Unusable: credentials or region must be set up first.
        Unavailable: a question without an answer.
        ProviderError: a question that was refused.
    """
    try:
        yield
    except aws.ClientError as error:
        raise _refusal(what, error, pays=pays) from error
    except _NO_CREDENTIALS as error:
        raise _denied(f"{what} was not tried: {_said(error)}", "", pays=pays) from error
    except aws.ProfileNotFound as error:
        remedy = "name a profile of ~/.aws/config in 'backend.braket.profile' or AWS_PROFILE"
        raise Unusable(f"{what} was not tried: {_said(error)}", remedy=remedy) from error
    except aws.NoRegionError as error:
        remedy = "set 'backend.braket.region' or AWS_REGION"
        raise Unusable(f"{what} was not tried: {_said(error)}", remedy=remedy) from error
    except aws.ParamValidationError as error:
        kind = Refused if pays else ProviderError
        raise kind(f"{what} was not tried: {_said(error)}") from error
    except (aws.BotoCoreError, aws.HTTPClientError, OSError, KeyError, ValueError) as error:
        raise no_answer(what, _said(error), pays=pays) from error


def no_answer(what: str, why: str, code: str = "", *, pays: bool = False) -> ProviderError:
    """The error of a call whose answer cannot be used."""
    message = f"{what} got no usable answer: {why}"
    if pays:
        remedy = "a task may have been made: look for its tag before sending it again"
        return Doubtful(message, code=code, remedy=remedy)
    return Unavailable(message, code=code, remedy="ask again: asking twice does no harm")


def _refusal(what: str, error: aws.ClientError, *, pays: bool) -> ProviderError:
    answer: Mapping[str, Any] = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    said = without_secrets(str(answer.get("Error", {}).get("Message", "")) or code)
    metadata = answer.get("ResponseMetadata", {})
    status = int(metadata.get("HTTPStatusCode", 0))
    if status == 429 or code in _THROTTLED:
        wait = _seconds(metadata.get("HTTPHeaders", {}).get("retry-after"))
        return RateLimited(
            f"{what} was refused because there were too many calls, nothing was done: {said}",
            code=code,
            remedy="call again later" if wait is None else f"call again after {wait:g} s",
            retry_after_seconds=wait,
        )
    if code in _BAD_CREDENTIALS:
        return _denied(
            f"{what} was refused, nothing was done: {_BAD_CREDENTIALS[code]}", code, pays=pays
        )
    if not 400 <= status < 500:
        return no_answer(what, f"HTTP {status}: {said}", code, pays=pays)
    message = f"{what} was refused, nothing was done: {code}: {said}"
    remedy = _REMEDIES.get(code, "")
    if pays:
        return Refused(message, code=code, remedy=remedy or "change what the service objects to")
    if status == 404:
        remedy = remedy or "check the name, and that this is the account and region it belongs to"
        return UnknownJob(message, code=code, remedy=remedy)
    return ProviderError(message, code=code, remedy=remedy or "check your access to Amazon Braket")


def _denied(message: str, code: str, *, pays: bool) -> ProviderError:
    return (Refused if pays else Unusable)(message, code=code, remedy=_LOG_IN)


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.replace(".", "", 1).isdigit() else None


def _said(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"the answer lacks {error}"
    return without_secrets(str(error) or type(error).__name__)


def without_secrets(text: str) -> str:
    """One line, in which nothing is left that could be a key or a token."""
    return _SECRET.sub("…", " ".join(text.split()))
