"""How updates reach the bot: getUpdates and the webhook."""

import re
from urllib.parse import urlsplit

from surfacehost_devkit.botapi.errors import bad_request
from surfacehost_devkit.botapi.methods.call import Call, Method
from surfacehost_devkit.botapi.model import Json
from surfacehost_devkit.botapi.updates import DEFAULT_KINDS, Asked
from surfacehost_devkit.botapi.webhook import Webhook, WebhookSettings

_MOST_WAIT_S = 50
_PORTS = {80, 88, 443, 8443}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


async def get_updates(call: Call) -> list[Json]:
    """`getUpdates`."""
    if not call.bot.queue.webhook_active:
        call.bot.queue.allow(call.params.decoded("allowed_updates"))
    asked = Asked(
        offset=call.params.whole("offset"),
        limit=call.params.whole("limit", 100, low=1, high=100),
        timeout_s=call.params.whole("timeout", 0, low=0, high=_MOST_WAIT_S),
    )
    return await call.bot.queue.get(asked)


async def set_webhook(call: Call) -> bool:
    """`setWebhook`; plain HTTP and any port are taken for loopback addresses only."""
    url = call.params.text("url")
    if not url:
        return await delete_webhook(call)
    secret = call.params.text("secret_token")
    if len(secret) > 256:
        raise bad_request("secret token is too long")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", secret):
        raise bad_request("secret token contains unallowed characters")
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_near(parts.hostname)):
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if not _is_near(parts.hostname) and (parts.port or 443) not in _PORTS:
        raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
    await _forget_webhook(call)
    queue = call.bot.queue
    queue.allow(call.params.decoded("allowed_updates"))
    queue.webhook_active = True
    queue.end_poll()
    settings = WebhookSettings(
        url=url,
        secret_token=secret,
        max_connections=call.params.whole("max_connections", 40, low=1, high=100),
        ip_address=call.params.text("ip_address") or (parts.hostname or ""),
    )
    call.state.webhooks[call.bot.id] = Webhook(settings, queue, call.state.clock, call.state.pace, call.state.bell)
    return True


async def delete_webhook(call: Call) -> bool:
    """`deleteWebhook`."""
    await _forget_webhook(call)
    return True


def get_webhook_info(call: Call) -> Json:
    """`getWebhookInfo`."""
    queue = call.bot.queue
    info: Json = {"url": "", "has_custom_certificate": False, "pending_update_count": len(queue.pending)}
    webhook = call.state.webhooks.get(call.bot.id)
    if webhook is not None:
        settings = webhook.settings
        info |= {"url": settings.url, "max_connections": settings.max_connections, "ip_address": settings.ip_address}
        if webhook.last_error_date:
            info["last_error_date"] = webhook.last_error_date
            info["last_error_message"] = webhook.last_error_message
    if queue.allowed != DEFAULT_KINDS:
        info["allowed_updates"] = sorted(queue.allowed)
    return info


def _is_near(host: str | None) -> bool:
    """Whether what the server refuses unless it runs with --local is taken: HTTP, and any port."""
    return host in _LOOPBACK


async def _forget_webhook(call: Call) -> None:
    webhook = call.state.webhooks.pop(call.bot.id, None)
    if webhook is not None:
        await webhook.stop()
    call.bot.queue.webhook_active = False
    if call.params.flag("drop_pending_updates"):
        call.bot.queue.pending.clear()


METHODS: dict[str, Method] = {
    "getUpdates": get_updates,
    "setWebhook": set_webhook,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": get_webhook_info,
}
