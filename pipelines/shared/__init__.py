"""What every script needs: settings, errors, whole files, what ships."""
