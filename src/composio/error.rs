//! What can go wrong in a call to Composio, and the one question a caller asks of it: [`Retry`].


