"""Where clients reach database servers: a router process that speaks TLS and log-in, and follows the writer."""
