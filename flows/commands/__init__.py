"""One module per command of `nightcast`: read the arguments, call a flow or a store, print."""
