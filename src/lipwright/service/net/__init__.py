"""Requests that the service sends to addresses somebody else chose, and the signatures of the webhooks among them."""
