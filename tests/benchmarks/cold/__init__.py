"""How fast the cold path is: pages and files that a proxy has never asked its upstream for."""
