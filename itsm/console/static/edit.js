// The rule editor's help: the page works without it.
"use strict";
