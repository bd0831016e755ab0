"""The job manager: every circuit is paid for once, whatever breaks."""
