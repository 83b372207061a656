"""The status page, the API and the metrics: a face of the daemon in a browser.

Here live routes, who may ask them, and how read models look as HTML, JSON and metrics. What is true is read by `views`;
what is asked for goes to the daemon as over its socket. Nothing here is imported before somebody listens but `face`.
"""
