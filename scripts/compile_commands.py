#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints compile_commands.json for clangd: compile_commands.py CC FLAGS"""
import glob
import json
import os
import shlex
import sys

cc, flags = sys.argv[1], shlex.split(sys.argv[2])
here = os.getcwd()
files = [f for pattern in ('src/**/*.c', 'plugins/**/*.c', 'tests/**/*.c', 'fixtures/**/*.c')
         for f in sorted(glob.glob(pattern, recursive=True))]
json.dump([{'directory': here, 'file': f, 'arguments': [cc, *flags, '-c', f]} for f in files],
          sys.stdout, indent=1)
print()
