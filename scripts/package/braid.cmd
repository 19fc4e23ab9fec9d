@echo off
set "BRAID_NODE=%~dp0node.exe"
"%~dp0node.exe" "%~dp0..\dist\engine\cli\main.js" %*
