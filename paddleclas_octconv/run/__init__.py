"""The parent's side of a run: what a command starts, and what it tells of its end.

``job``       a mode of a trainer with a config that was checked, and its run
``training``  a job that trains: alone in its output folder, from where it stands
``start_weights``  the weights that it starts from, and what published ones imply
``estimate``  what a training would take on this CPU
``launch``    the command line and environment of the processes, one or many
``process``   runs them; nothing is left behind when it is interrupted
``outcome``   what there is to say when they have ended
"""
