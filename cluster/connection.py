"""A connection to a Kubeflow Pipelines API whose calls outlast failures that can pass.

Calls go through `kfp.Client`'s own API objects, each with a time limit. A failure that can pass (a broken connection,
an overloaded server) is tried again a few times; any other becomes one `ClusterError` with one clear sentence.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import kfp
import tenacity

from cluster.answers import call_once, no_api
from cluster.client import Connection, make_client, namespace_of_this_pod
from cluster.errors import ClusterError, PassingFailure, Unreachable

Found = TypeVar("Found")


class Cluster:
    """An API that has answered, and speaks KFP v2.

    Attributes:
        client: the `kfp.Client`.
        url: address of the user interface, for links.
        namespace: the user's namespace, or None.
        patience: which pauses a failing call gets.
    """

    def __init__(self, client: kfp.Client, connection: Connection) -> None:
        self.client = client
        self.url: str = client.runs.api_client.configuration.host
        self.namespace = connection.namespace
        self.patience = connection.patience

    def call(
        self,
        method: Callable[..., Any],
        find: Callable[[], Any] = lambda: None,
        delays_s: Sequence[float] | None = None,
        **arguments: Any,
    ) -> Any:
        """Call an API method, again after failures that can pass.

        A connection that breaks, or a gateway that gives up, does not say whether the server had done its work. So a
        call that makes something needs a `find`, which looks before it is made again, and also when the server says
        that there is one already.

        Args:
            method: a bound method of one of the client's API objects.
            find: returns what an attempt that seemed to fail has made, or None.
            delays_s: pauses between the attempts, at least one, when not the usual ones.
            **arguments: the method's arguments; those that are None are left out.

        Raises:
            ClusterError: the call failed for good, or too often.
        """
        delays_s = self.patience.delays_s if delays_s is None else delays_s
        n_attempts = len(delays_s) + 1
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(PassingFailure),
            wait=tenacity.wait_chain(*map(tenacity.wait_fixed, delays_s)),
            stop=tenacity.stop_after_attempt(n_attempts),
            reraise=True,
        )
        try:
            for attempt in attempts:
                with attempt:
                    is_repeated = attempt.retry_state.attempt_number > 1
                    if is_repeated and (made := found_or_none(find)) is not None:
                        return made
                    return _call_or_find(method, arguments, find)
        except PassingFailure as failure:
            raise ClusterError(f"{self.url} failed {n_attempts} times in a row: {failure}") from None


def connect(connection: Connection) -> Cluster:
    """Return a `Cluster` after checking that the API answers, lets us in, and is KFP v2.

    Raises:
        InvalidInput: a token, cookie or certificate file that can't be used.
        ClusterError: the API can't be reached, refuses us, or is none.
    """
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    cluster = Cluster(make_client(connection), connection)
    if _first_contact(cluster).multi_user and not cluster.namespace:
        cluster.namespace = namespace_of_this_pod()
        if not cluster.namespace:
            raise ClusterError(f"{cluster.url} has many users; say whose namespace this is for with --namespace NAME")
    return cluster


def found_or_none(find: Callable[[], Found | None]) -> Found | None:
    """Return what `find` finds, or None; also when the server has no list to look into."""
    try:
        return find()
    except ClusterError as error:
        if error.status not in (404, 405, 501):
            raise
        return None


def _call_or_find(method: Callable[..., Any], arguments: dict[str, Any], find: Callable[[], Any]) -> Any:
    """Call an API method; where the server says that there is such a thing already, return that."""
    try:
        return call_once(method, arguments)
    except ClusterError as error:
        if error.status == 409 and (made := found_or_none(find)) is not None:
            return made
        raise


def _first_contact(cluster: Cluster) -> Any:
    """Return what the API says of its health; a server that refuses connections is not waited for."""
    method = cluster.client.healthzs.healthz_service_get_healthz
    try:
        return call_once(method, {})
    except Unreachable as error:
        raise ClusterError(f"{cluster.url} can't be reached: {error}") from None
    except PassingFailure:
        return cluster.call(method)
    except ClusterError as error:
        if error.status == 404:
            raise ClusterError(no_api(cluster.url), error.status) from None
        raise
