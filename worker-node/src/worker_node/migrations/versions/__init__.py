"""One file a version; result-node's begin at 0101."""
